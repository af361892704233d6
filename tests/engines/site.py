"""Settings files for jobs of spaces, over a simulated site and a database."""

from pathlib import Path

from confluence_simulator import Simulator, World

TOKEN, USERNAME = "simulated-token", "hr-bot@example.com"


def world_of(spaces: int, pages: int = 1) -> World:
    """Make spaces S00, S01, ... with so many pages each."""
    world = World()
    for number in range(spaces):
        world.create_space(f"S{number:02d}")
        for page in range(pages):
            world.create_page(space_key=f"S{number:02d}", title=f"{number} {page}", storage="<p>x</p>")
    return world


def config_of(folder: Path, site: Simulator | str, database_url: str, *more: str) -> Path:
    """Write a settings file for all spaces. `more`: lines of further tables."""
    url = site if isinstance(site, str) else site.site_url
    path = folder / "config.toml"
    lines = [
        "[confluence]",
        f'url = "{url}"',
        f'username = "{USERNAME}"',
        f'api_token = "{TOKEN}"',
        'spaces = ["*"]',
        "max_attempts = 2",
        "first_retry_wait_seconds = 0.01",
        "[database]",
        f'url = "{database_url}"',
        "[access]",
        'mode = "account"',
        *more,
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path
