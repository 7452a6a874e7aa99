# ruff: noqa: RUF001 - real names and texts hold such characters
"""The texts of the demo books: invented people and firms, a chart of accounts, items."""

FIRST_WORDS = (
    "Harbour", "Café", "Kōwhai", "Ridgeline", "Bluebird", "Ōtaki", "Sundial", "Müller", "Copper", "Señor",
    "Wattle", "Łódź", "Northgate", "Petite", "Tūī", "Granite", "Juniper", "Smørrebrød", "Lantern", "Orchard",
    "東京", "Paddock", "Quayside", "Étoile", "Fern", "Driftwood", "Żubr", "Marigold", "Tidewater", "Å Strand",
)  # fmt: skip
SECOND_WORDS = (
    "Roasters", "Joinery", "Print & Post", "Cycles", "Legal", "Dental", "Growers", "Freight", "Studio",
    "Electrical", "Bakery", "Software", "Landscapes", "Catering", "Insurance", "Plumbing", "Books", "Motors",
    "Optics", "Timber", "Cleaning", "Physio", "Vineyard", "Signs",
)  # fmt: skip
SUFFIXES = ("Ltd", "Limited", "& Co", "Group", "Partners", "")
PEOPLE = (
    ("Aroha", "Ngata"), ("Tom", "O’Brien"), ("Zoë", "Fischer"), ("Wiremu", "Parata"), ("Priya", "Raman"),
    ("Łukasz", "Nowak"), ("Mei", "陳"), ("Hannah", "Cole"), ("Josè", "Álvarez"), ("Ingrid", "Sørensen"),
)  # fmt: skip
TOWNS = (
    ("Wellington", "6011"),
    ("Auckland", "1010"),
    ("Nelson", "7010"),
    ("Ōamaru", "9400"),
    ("Leeds", "LS1 4AP"),
)

# items sold or bought: description, item code, unit price in cents
SALES_LINES = (
    ("Monthly retainer", "", 125_000), ("Consulting, half day", "CONS", 62_550),
    ("Flat white beans 1 kg", "BEAN", 3_295),
    ("Delivery", "", 1_250), ("Website hosting, per month", "HOST", 4_999),
    ("Golf balls – white, single “pro”", "GB1", 333),
    ("Training session — café staff", "TRAIN", 18_075),
    ("Annual licence", "", 99_900), ("Gift card", "", 5_000),
    ('Sign, 30" × 20"', "SIGN", 14_567), ("Hire of projector", "", 8_850),
    ("Workshop\nmaterials included", "", 21_115),
)  # fmt: skip
PURCHASE_LINES = (
    ("Electricity", "", 48_217), ("Rent", "", 230_000), ("Stationery", "", 2_345), ("Courier", "", 1_899),
    ("Advertising, local paper", "", 36_050), ("Cleaning", "", 12_500), ("Beans, green, 60 kg", "", 54_321),
    ("Telephone & broadband", "", 10_999), ("Repairs to van", "", 74_480), ("Accountant", "", 41_000),
    ("Packaging 100 %", "", 967), ("Travel Wellington–Ōtaki", "", 6_650),
)  # fmt: skip

# code, name, type, class, tax kind (o output, i input, n none), system account, payments allowed, status
ACCOUNTS = (
    ("090", "Business Bank Account", "BANK", "ASSET", "n", "", False, "ACTIVE"),
    ("091", "Business Savings Account", "BANK", "ASSET", "n", "", False, "ACTIVE"),
    ("092", "Foreign Currency Account", "BANK", "ASSET", "n", "", False, "ACTIVE"),
    ("093", "Company Credit Card", "BANK", "LIABILITY", "n", "", False, "ACTIVE"),
    ("200", "Sales", "REVENUE", "REVENUE", "o", "", False, "ACTIVE"),
    ("205", "Online Sales", "REVENUE", "REVENUE", "o", "", False, "ACTIVE"),
    ("260", "Other Revenue", "REVENUE", "REVENUE", "o", "", False, "ACTIVE"),
    ("270", "Interest Income", "OTHERINCOME", "REVENUE", "n", "", False, "ACTIVE"),
    ("300", "Purchases", "DIRECTCOSTS", "EXPENSE", "i", "", False, "ACTIVE"),
    ("310", "Cost of Goods Sold", "DIRECTCOSTS", "EXPENSE", "i", "", False, "ACTIVE"),
    ("400", "Advertising", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("404", "Bank Fees", "EXPENSE", "EXPENSE", "n", "", False, "ACTIVE"),
    ("408", "Cleaning", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("412", "Consulting & Accounting", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("416", "Depreciation", "DEPRECIATN", "EXPENSE", "n", "", False, "ACTIVE"),
    ("420", "Entertainment", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("425", "Freight & Courier", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("429", "General Expenses", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("433", "Insurance", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("437", "Interest Expense", "EXPENSE", "EXPENSE", "n", "", False, "ACTIVE"),
    ("441", "Legal Expenses", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("445", "Light, Power, Heating", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("449", "Motor Vehicle Expenses", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("453", "Office Expenses", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("461", "Printing & Stationery", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("469", "Rent", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("473", "Repairs and Maintenance", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("477", "Salaries", "EXPENSE", "EXPENSE", "n", "", False, "ACTIVE"),
    ("485", "Subscriptions", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("489", "Telephone & Internet", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("493", "Travel – National", "EXPENSE", "EXPENSE", "i", "", False, "ACTIVE"),
    ("494", "Travel – International", "EXPENSE", "EXPENSE", "n", "", False, "ACTIVE"),
    ("497", "Bank Revaluations", "EXPENSE", "EXPENSE", "n", "BANKCURRENCYGAIN", False, "ACTIVE"),
    ("498", "Unrealised FX Gains", "EXPENSE", "EXPENSE", "n", "UNREALISEDCURRENCYGAIN", False, "ACTIVE"),
    ("499", "Realised FX Gains", "EXPENSE", "EXPENSE", "n", "REALISEDCURRENCYGAIN", False, "ACTIVE"),
    ("505", "Income Tax Expense", "EXPENSE", "EXPENSE", "n", "", False, "ACTIVE"),
    ("610", "Accounts Receivable", "CURRENT", "ASSET", "n", "DEBTORS", False, "ACTIVE"),
    ("620", "Prepayments", "CURRENT", "ASSET", "n", "", False, "ACTIVE"),
    ("630", "Inventory", "INVENTORY", "ASSET", "n", "", False, "ACTIVE"),
    ("650", "Card Clearing", "CURRENT", "ASSET", "n", "", True, "ACTIVE"),
    ("710", "Office Equipment", "FIXED", "ASSET", "i", "", False, "ACTIVE"),
    ("711", "Accumulated Depreciation on Office Equipment", "FIXED", "ASSET", "n", "", False, "ACTIVE"),
    ("720", "Computer Equipment", "FIXED", "ASSET", "i", "", False, "ACTIVE"),
    ("800", "Accounts Payable", "CURRLIAB", "LIABILITY", "n", "CREDITORS", False, "ACTIVE"),
    ("801", "Unpaid Expense Claims", "CURRLIAB", "LIABILITY", "n", "UNPAIDEXPCLM", False, "ACTIVE"),
    ("820", "GST", "CURRLIAB", "LIABILITY", "n", "GST", False, "ACTIVE"),
    ("840", "Historical Adjustment", "CURRLIAB", "LIABILITY", "n", "HISTORICAL", False, "ACTIVE"),
    ("850", "Suspense", "CURRLIAB", "LIABILITY", "n", "", True, "ARCHIVED"),
    ("860", "Rounding", "CURRLIAB", "LIABILITY", "n", "ROUNDING", False, "ACTIVE"),
    ("877", "Tracking Transfers", "CURRLIAB", "LIABILITY", "n", "TRACKINGTRANSFERS", False, "ACTIVE"),
    ("880", "Owner A Drawings", "EQUITY", "EQUITY", "n", "", True, "ACTIVE"),
    ("900", "Loan", "TERMLIAB", "LIABILITY", "n", "", False, "ACTIVE"),
    ("960", "Retained Earnings", "EQUITY", "EQUITY", "n", "RETAINEDEARNINGS", False, "ACTIVE"),
    ("970", "Owner A Share Capital", "EQUITY", "EQUITY", "n", "", False, "ACTIVE"),
)  # fmt: skip
SALES_ACCOUNTS = ("200", "205", "260")
COST_ACCOUNTS = ("300", "310", "400", "425", "429", "445", "453", "469", "489", "493")

TRACKING = (
    ("Region", ("North", "South", "Te Tai Tokerau", "West Coast")),
    ("Department", ("Retail", "Wholesale", "Office")),
)
