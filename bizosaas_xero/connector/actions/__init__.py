"""Actions: what an agent or a person may ask for. One folder a family, one module an action.

``definition`` says what an action is, ``books`` is the organisation as an action sees it, ``registry`` lists and
runs them. ``writes`` holds what every writing action shares: planning, committing, looking up, dates, errors.
"""
