"""Country settings (tax codes, end of the financial year), and the organisations of the sandbox."""

from dataclasses import dataclass

from bizosaas_xero.sandbox.core.guids import stable_guid
from bizosaas_xero.sandbox.core.xero_json import Row, from_cents

OUT, IN, ANY = "out", "in", "any"  # on sales, on purchases, on both


@dataclass(frozen=True)
class Country:
    """One of Xero's editions.

    Attributes:
        version: Xero's name of the edition.
        taxes: Tax code, name, rate in hundredths of a percent, and where it is used. The first one for sales
            and the first one for purchases are the standard codes.
        year_end: Month and day of the usual end of the financial year.
        tax_name: Name of the tax account.
        basis: How tax is reported, and how often.
    """

    version: str
    taxes: tuple[tuple[str, str, int, str], ...]
    year_end: tuple[int, int]
    tax_name: str
    timezone: str
    basis: tuple[str, str]

    def standard_tax(self, where: str) -> tuple[str, int]:
        """Return the standard code of sales or purchases and its rate in hundredths of a percent."""
        return next((code, rate) for code, _, rate, used in self.taxes if used == where)

    @property
    def untaxed(self) -> str:
        """The code for no tax."""
        return next(code for code, _, rate, used in self.taxes if used == ANY and not rate)


COUNTRIES = {
    "NZ": Country(
        "NZ",
        (("OUTPUT2", "15% GST on Income", 1500, OUT), ("INPUT2", "15% GST on Expenses", 1500, IN),
         ("NONE", "No GST", 0, ANY), ("ZERORATED", "Zero Rated", 0, ANY)),
        (3, 31), "GST", "NEWZEALANDSTANDARDTIME", ("PAYMENTS", "TWOMONTHS"),
    ),
    "AU": Country(
        "AU",
        (("OUTPUT", "GST on Income", 1000, OUT), ("INPUT", "GST on Expenses", 1000, IN),
         ("BASEXCLUDED", "BAS Excluded", 0, ANY), ("EXEMPTOUTPUT", "GST Free Income", 0, OUT),
         ("EXEMPTEXPENSES", "GST Free Expenses", 0, IN), ("CAPEXINPUT", "GST on Capital", 1000, IN)),
        (6, 30), "GST", "AUSEASTERNSTANDARDTIME", ("ACCRUALS", "QUARTERLY1"),
    ),
    "GB": Country(
        "UK",
        (("OUTPUT2", "20% (VAT on Income)", 2000, OUT), ("INPUT2", "20% (VAT on Expenses)", 2000, IN),
         ("NONE", "No VAT", 0, ANY), ("RROUTPUT", "5% (VAT on Income)", 500, OUT),
         ("RRINPUT", "5% (VAT on Expenses)", 500, IN), ("ZERORATEDOUTPUT", "Zero Rated Income", 0, OUT),
         ("ZERORATEDINPUT", "Zero Rated Expenses", 0, IN), ("EXEMPTOUTPUT", "Exempt Income", 0, OUT),
         ("EXEMPTINPUT", "Exempt Expenses", 0, IN)),
        (3, 31), "VAT", "GMTSTANDARDTIME", ("ACCRUALS", "QUARTERLY"),
    ),
    "US": Country(
        "US",
        (("OUTPUT", "Tax on Sales", 825, OUT), ("INPUT", "Tax on Purchases", 825, IN),
         ("NONE", "Tax Exempt", 0, ANY), ("TAX001", "Tax on Goods", 875, OUT)),
        (12, 31), "Sales Tax", "PACIFICSTANDARDTIME", ("ACCRUALS", "MONTHLY"),
    ),
    "GLOBAL": Country(
        "GLOBAL",
        (("OUTPUT", "Tax on Sales", 500, OUT), ("INPUT", "Tax on Purchases", 500, IN),
         ("NONE", "Tax Exempt", 0, ANY)),
        (12, 31), "Sales Tax", "ARABIANSTANDARDTIME", ("ACCRUALS", "QUARTERLY"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Organisation:
    """One Xero organisation of the sandbox.

    Attributes:
        kind: Xero's class of it: `DEMO` (no e-mails), `TRIAL` (20 a day), others pay (1,000 a day).
        pays_tax: Registered for tax; if not, it must not charge any.
    """

    id: str
    name: str
    country: str
    currency: str
    foreign: str
    kind: str = "STANDARD"
    pays_tax: bool = True

    @property
    def rules(self) -> Country:
        """The settings of its country."""
        return COUNTRIES.get(self.country, COUNTRIES["GLOBAL"])


def organisations(seed: int) -> tuple[Organisation, ...]:
    """Return the organisations of the sandbox; the same seed gives the same ids."""
    spec = (
        ("Demo Company (NZ)", "NZ", "NZD", "USD", "DEMO", True),
        ("Thistle & Oak Trading Ltd", "GB", "GBP", "EUR", "STANDARD", True),
        ("Banksia Outfitters Pty Ltd", "AU", "AUD", "USD", "STANDARD", True),
        ("Cedar Hill Supply Inc.", "US", "USD", "CAD", "PREMIUM", True),
        ("Dune & Date Trading FZE", "AE", "AED", "USD", "STANDARD", True),
        ("Wattlebird Pottery", "AU", "AUD", "NZD", "TRIAL", False),
    )
    return tuple(Organisation(stable_guid(seed, "org", n), *rest) for n, rest in enumerate(spec, 1))


def organisation_row(organisation: Organisation, today: int) -> Row:
    """Return an organisation as the API shows it.

    Args:
        organisation: The organisation.
        today: The UTC midnight, in milliseconds, that its age is counted from.
    """
    country = organisation.rules
    return {
        "Name": organisation.name,
        "LegalName": organisation.name,
        "PaysTax": organisation.pays_tax,
        "Version": country.version,
        "OrganisationType": "COMPANY",
        "BaseCurrency": organisation.currency,
        "CountryCode": organisation.country,
        "IsDemoCompany": organisation.kind == "DEMO",
        "OrganisationStatus": "ACTIVE",
        "FinancialYearEndDay": country.year_end[1],
        "FinancialYearEndMonth": country.year_end[0],
        "SalesTaxBasis": country.basis[0] if organisation.pays_tax else "NONE",
        "SalesTaxPeriod": country.basis[1] if organisation.pays_tax else "NONE",
        "DefaultSalesTax": "Tax Exclusive",
        "DefaultPurchasesTax": "Tax Exclusive",
        "CreatedDateUTC": f"/Date({today - 700 * 86_400_000})/",  # recorded from Xero: no +0000 here
        "OrganisationEntityType": "COMPANY",
        "Timezone": country.timezone,
        "ShortCode": f"!{organisation.id[:5]}",
        "OrganisationID": organisation.id,
        "Edition": "BUSINESS",
        "Class": organisation.kind,
        "LineOfBusiness": "",
        "Addresses": [],
        "Phones": [],
        "ExternalLinks": [],
        "PaymentTerms": {},
    }


def tax_rates(organisation: Organisation) -> list[Row]:
    """Return the tax rates of an organisation."""
    return [tax_rate(code, name, rate, where) for code, name, rate, where in organisation.rules.taxes]


def tax_rate(code: str, name: str, rate: int, where: str) -> Row:
    """Return one tax rate; `rate` is in hundredths of a percent."""
    percent = from_cents(rate).quantize(from_cents(1).scaleb(-2))
    return {
        "Name": name,
        "TaxType": code,
        "CanApplyToAssets": True,
        "CanApplyToEquity": True,
        "CanApplyToExpenses": where != OUT,
        "CanApplyToLiabilities": True,
        "CanApplyToRevenue": where != IN,
        "DisplayTaxRate": percent,
        "EffectiveRate": percent,
        "Status": "ACTIVE",
        "TaxComponents": [
            {"Name": name, "Rate": percent, "IsCompound": False, "IsNonRecoverable": False},
        ],
    }
