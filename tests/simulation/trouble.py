"""What may go wrong between a store and the database."""


class Trouble:
    """Nothing goes wrong; a run passes in one that draws."""

    def loses_command(self) -> bool:
        """Tell whether a command never reaches the database."""
        return False

    def loses_answer(self) -> bool:
        """Tell whether a command was carried out and nobody hears of it."""
        return False
