"""A script that cannot be run."""

import a_package_that_does_not_exist  # noqa: F401
