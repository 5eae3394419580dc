"""What bad input is told."""

import pytest

from fewlabel.utils.errors import InputError


def error_of(function, *arguments):
    """The message of the InputError that the call raises."""
    with pytest.raises(InputError) as error:
        function(*arguments)
    return str(error.value)
