"""Files are whole whoever writes them, and when."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mammo_core.files import replace_file


def test_threads_that_write_one_file_at_once_leave_one_of_theirs_whole(tmp_path: Path) -> None:
    """Two images of the same content are prepared side by side and stored under one name."""
    path = tmp_path / "levels.u8"
    contents = [bytes([number]) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        for _ in range(20):
            list(pool.map(lambda content: replace_file(path, content), contents))
            assert path.read_bytes() in contents
    assert [found.name for found in tmp_path.iterdir()] == ["levels.u8"]
