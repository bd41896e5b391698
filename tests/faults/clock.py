"""Redis's clock as far as our scripts go by it, which a test moves forward at will.

Leases of 30 seconds end in no time so, with all rules as they are in the product, and no test
depends on how quick the machine is.
"""

from collections.abc import Callable, Mapping

import redis

_AHEAD = "faults:clock-ahead"
_NOW = "local now = clock[1] * 1000 + math.floor(clock[2] / 1000)\n"
_MOVED = f"{_NOW.rstrip()} + (tonumber(redis.call('GET', '{_AHEAD}')) or 0)\n"

# What expires by Redis's own clock comes nearer to its end, too.
_ADVANCE = """
redis.call('INCRBY', KEYS[1], ARGV[1])
for _, key in ipairs(redis.call('KEYS', 'megabatch:*')) do
  local left = redis.call('PTTL', key)
  if left > tonumber(ARGV[1]) then
    redis.call('PEXPIRE', key, left - ARGV[1])
  elseif left > 0 then
    redis.call('DEL', key)
  end
end
"""


def with_moved_clock(load: Callable[[], Mapping[str, str]]) -> Callable[[], Mapping[str, str]]:
    """The scripts that `load` gives, going by the clock of this module."""

    def load_moved() -> Mapping[str, str]:
        sources = load()
        assert all(source.count(_NOW) == 1 for source in sources.values())
        return {name: source.replace(_NOW, _MOVED) for name, source in sources.items()}

    return load_moved


def advance(client: redis.Redis, seconds: float) -> None:
    client.eval(_ADVANCE, 1, _AHEAD, int(1000 * seconds))


def wipe(client: redis.Redis) -> None:
    """Empty Redis, as when it comes back without its disk; time does not run backwards for it."""
    ahead = client.get(_AHEAD) or b"0"
    with client.pipeline(transaction=True) as pipe:
        pipe.flushall()
        pipe.set(_AHEAD, ahead)
        pipe.execute()
