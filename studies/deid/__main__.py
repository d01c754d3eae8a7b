"""The de-identification engine as a program."""

from .command import exit_with_status

if __name__ == "__main__":
    exit_with_status()
