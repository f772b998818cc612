"""What stands on the label of a parcel."""

from parcels.store import Parcel


def check_digit(number: str) -> str:
    """The digit that makes the weighted sum of all digits a multiple of 10."""
    digits = [int(character) for character in number if character.isdigit()]
    weighted = sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return str(-weighted % 10)


def label(parcel: Parcel) -> str:
    """The two lines of the label: the checked number, and zone and weight."""
    kilograms = parcel.weight / 1000
    return f"{parcel.number}-{check_digit(parcel.number)}\n{parcel.zone.upper()} {kilograms:.1f} kg"
