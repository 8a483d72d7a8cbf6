"""The command: `python -m postbox`."""

from typing import Annotated

import typer

from postbox.server import PostboxConfig, run

cli = typer.Typer(add_completion=False)


@cli.command()
def listen(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the page and of the SMS services; 0 means any free one.")] = 8025,
    mail_port: Annotated[int, typer.Option(help="Port of SMTP; 0 means any free one.")] = 1025,
) -> None:
    """Play mail server and SMS services on this machine; nothing leaves it."""
    run(PostboxConfig(host=host, port=port, mail_port=mail_port))


def main() -> None:
    """Run the command."""
    cli()


if __name__ == "__main__":
    main()
