"""What every group of settings has in common."""

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Group(BaseModel):
    """One table of the settings file: unknown keys are refused, and messages show no value."""

    # Built as parts of `Settings`, once, and not each by itself as well.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_value(cls, value: object, info: ValidationInfo) -> object:
        is_number = cls.model_fields[str(info.field_name)].annotation in (int, float)
        if is_number and isinstance(value, bool):  # pydantic would take `true` for the number 1
            raise ValueError("must be a number, not true or false")
        return value
