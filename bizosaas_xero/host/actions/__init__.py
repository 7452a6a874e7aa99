"""Actions: policy, plans, approvals, execution, audit."""
