"""The protections, how each is switched off, and the tests that must then fail."""

import msgspec


class Protection(msgspec.Struct, frozen=True):
    """`old` stands once in `file`; with `new` in its place the protection is gone."""

    name: str
    file: str
    old: str
    new: str
    #: What pytest is given: files, where one test at least goes red.
    tests: tuple[str, ...]


_STORE = "tests/unit/core/test_job_store.py"
_WORLD = "tests/unit/core/test_job_world.py"
_COPIES = "tests/unit/workers/test_copies.py"
_SHARDS = "tests/unit/workers/test_shard_runner.py"

PROTECTIONS = (
    # One writer wins, one worker works, one count counts.
    Protection(
        "a file is written by the first alone",
        "core/storage.py",
        'obstore.put(self._store, path, data, mode="create")',
        "obstore.put(self._store, path, data)",
        ("tests/contract/test_storage.py",),
    ),
    Protection(
        "a file of a local folder is written by the first alone",
        "core/durable_files.py",
        "os.link(staged, target)",
        "os.replace(staged, target)",
        ("tests/contract/test_storage.py",),
    ),
    Protection(
        "a file of a local folder is on the disk before it has its name",
        "core/durable_files.py",
        "        os.fsync(file.fileno())\n",
        "",
        ("tests/unit/core/test_durable_files.py",),
    ),
    Protection(
        "the name of a file of a local folder is on the disk",
        "core/durable_files.py",
        "            _sync(folder)\n",
        "            pass\n",
        ("tests/unit/core/test_durable_files.py",),
    ),
    Protection(
        "a live lease keeps others out",
        "core/lua/claim.lua",
        "if expiry and expiry > now then",
        "if false then",
        (_STORE,),
    ),
    Protection(
        "a lost lease is not renewed",
        "core/lua/renew.lua",
        "if owner and owner ~= token then",
        "if false then",
        (_STORE,),
    ),
    Protection(
        "an output counts once",
        "core/lua/done.lua",
        "if redis.call('SETBIT', key(id, 'done'), tonumber(shard), 1) == 1 then",
        "if redis.call('SETBIT', key(id, 'done'), tonumber(shard), 1) == 2 then",
        (_STORE,),
    ),
    Protection(
        "a status changes by the table alone",
        "core/lua/common.lua",
        "if not RULES.transitions[from][to] then",
        "if false then",
        (_STORE, "tests/unit/core/test_jobs.py"),
    ),
    # What is lost is found.
    Protection(
        "a job whose results a copy lacks is merged again",
        "core/mending.py",
        "if all(self._storage.exists(path) for path in final.paths):",
        "if True:",
        (_COPIES,),
    ),
    Protection(
        "image lists behind one that a copy lacks are made again",
        "core/mending.py",
        "        self._mend_lists(job_id)",
        "        pass",
        (_COPIES,),
    ),
    Protection(
        "a job that was deleted is not done again from a copy",
        "core/mending.py",
        "        if self._is_deleted(job_id):",
        "        if False:",
        (_COPIES,),
    ),
    Protection(
        "a job of which a copy has neither end nor live name is found",
        "core/mending.py",
        'self._storage.create(live_path(job_id), b"")',
        "pass",
        (_COPIES,),
    ),
    Protection(
        "files that a local folder had begun are none in a cloud",
        "core/storage.py",
        'if not UNFINISHED.search(meta["path"])',
        "if True",
        ("tests/contract/test_storage.py",),
    ),
    Protection(
        "what a killed writer left goes with its job",
        "core/durable_files.py",
        "filter(UNFINISHED.search, names)",
        "()",
        ("tests/unit/workers/test_cleaner.py",),
    ),
    Protection(
        "expired leases are taken back",
        "core/lua/reap.lua",
        "if gap then extend_leases(id) else lose_expired(id) end",
        "if gap then extend_leases(id) end",
        (_STORE,),
    ),
    Protection(
        "leases outlive a silence of Redis",
        "core/lua/reap.lua",
        "if gap then extend_leases(id) else lose_expired(id) end",
        "lose_expired(id)",
        (_STORE,),
    ),
    Protection(
        "lost messages are sent again",
        "core/lua/reap.lua",
        "    find_lost_messages(id)\n",
        "",
        (_STORE,),
    ),
    Protection(
        "jobs that Redis forgot are brought back",
        "workers/reaper.py",
        "self._look_at(job_id, self._bring_back)",
        "pass",
        ("tests/unit/workers/test_reaper.py",),
    ),
    Protection(
        "a planner tells again of what Redis lost",
        "workers/planner.py",
        "while wanted is not None and wanted <= index:",
        "while False:",
        ("tests/unit/workers/test_planner.py",),
    ),
    Protection(
        "outputs that were not counted are found",
        "workers/reaper.py",
        "count_outputs(self._context, job_id, look_at_the_clock)",
        "pass",
        ("tests/unit/workers/test_reaper.py",),
    ),
    Protection(
        "the reaper keeps its beat while it counts",
        "workers/reaper.py",
        "                raise _TimeIsUp\n",
        "                pass\n",
        ("tests/unit/workers/test_reaper.py",),
    ),
    Protection(
        "work that stands still is given up",
        "workers/lease_keeper.py",
        "if time.monotonic() - self._last_move > self._stall_after:",
        "if False:",
        ("tests/unit/workers/test_lease_keeper.py",),
    ),
    Protection(
        "a worker that stops gives its shard back",
        "workers/lease_keeper.py",
        "        if self._leaving():\n",
        "        if False:\n",
        ("tests/unit/workers/test_lease_keeper.py", _SHARDS),
    ),
    # What cannot be done ends.
    Protection(
        "attempts are counted",
        "workers/shard_runner.py",
        "    return lease.errors >= MAX_ERRORS or",
        "    return False and lease.errors >= MAX_ERRORS or",
        (_SHARDS,),
    ),
    Protection(
        "a shard that was lost runs guarded",
        "core/lease.py",
        "        return enough or bool(self.suspects)",
        "        return False",
        (_STORE, _SHARDS),
    ),
    Protection(
        "an image on which workers died is given up",
        "core/lease.py",
        "for at, suspicion in self.suspects.items() if suspicion.proven)",
        "for at, suspicion in self.suspects.items() if False)",
        (_STORE, _SHARDS),
    ),
    Protection(
        "an image is noted before it is touched",
        "detection/guarded.py",
        "        guards.note(position)\n",
        "",
        (_SHARDS,),
    ),
    Protection(
        "a decoder has bounded memory",
        "detection/decoding_process.py",
        "    _confine_memory()\n",
        "",
        ("tests/unit/detection/test_apart.py",),
    ),
    Protection(
        "a decoder has bounded time",
        "detection/apart.py",
        "        with _Deadline(process, self._seconds):\n",
        "        with _Deadline(process, 1e6):\n",
        ("tests/unit/detection/test_apart.py",),
    ),
    Protection(
        "a broken detector is told from a bad image",
        "detection/answers.py",
        "        _check_alive(detector)\n",
        "        pass\n",
        ("tests/unit/detection/test_answers.py",),
    ),
    Protection(
        "a worker without room takes nothing",
        "core/room.py",
        "if free < settings.least_room:",
        "if False:",
        (_SHARDS, "tests/unit/workers/test_attendance.py"),
    ),
    Protection(
        "a heartbeat outlives every surprise",
        "workers/life.py",
        "        except Exception:\n",
        "        except ZeroDivisionError:\n",
        ("tests/unit/workers/test_attendance.py",),
    ),
    Protection(
        "a Redis that evicts is refused",
        "core/redis_fitness.py",
        "if told.maxmemory_policy != _KEEPS_ALL:",
        "if False:",
        ("tests/unit/core/test_redis_fitness.py",),
    ),
    Protection(
        "a merge gives up what cannot be read",
        "workers/aggregator.py",
        "return self._lease.errors >= MAX_ERRORS",
        "return False",
        ("tests/unit/workers/test_damage.py",),
    ),
    # What is merged was proven.
    Protection(
        "an output has the listed images in order",
        "workers/shard_output.py",
        "    if names != wanted:\n",
        "    if False:\n",
        ("tests/unit/workers/test_shard_output.py",),
    ),
    Protection(
        "a merge refuses what fails the proof",
        "workers/aggregator.py",
        "if refused and not self._early:",
        "if False:",
        ("tests/unit/workers/test_aggregator.py",),
    ),
    # What others' storages and files can do.
    Protection(
        "a folder that goes away does not end its list",
        "core/containers/folder.py",
        "            self._check_root(held_something=bool(page or passed_over or marker))\n",
        "",
        ("tests/unit/core/containers/test_folder.py",),
    ),
    Protection(
        "a container that is gone while it is listed pauses the job",
        "workers/planner.py",
        "    if error.code in NEEDS_FRESH_URL:\n",
        "    if False:\n",
        ("tests/unit/workers/test_planner.py",),
    ),
    Protection(
        "a list goes on only where it was begun",
        "workers/selection.py",
        "if standing and not any(image.name in standing for image in images):",
        "if False:",
        ("tests/unit/workers/test_planner.py",),
    ),
    Protection(
        "a body is compared with its checksum",
        "core/containers/http_reader.py",
        "    if not _matches_md5(body, response.headers):\n",
        "    if False:\n",
        ("tests/unit/core/containers/test_http_reader.py",),
    ),
    Protection(
        "a head that was cut off is no empty file",
        "core/containers/http_reader.py",
        'if body == b"" and length is None and not response.chunked:',
        "if False:",
        ("tests/unit/core/containers/test_http_reader.py",),
    ),
    Protection(
        "a body is bounded",
        "core/containers/http_reader.py",
        "        if size > cap:\n",
        "        if False:\n",
        ("tests/unit/core/containers/test_http_reader.py",),
    ),
    Protection(
        "an image is unreadable after several rounds only",
        "core/containers/rounds.py",
        "ROUNDS = 3",
        "ROUNDS = 1",
        ("tests/unit/core/containers/test_azure_lister.py",),
    ),
    Protection(
        "a SAS that is refused pauses the job",
        "core/containers/azure.py",
        "        self._check_access(answer)\n",
        "",
        ("tests/unit/core/containers/test_azure_lister.py",),
    ),
    Protection(
        "a storage in trouble is asked less",
        "core/containers/budget.py",
        "self._window = max(_LEAST, self._window / 2)",
        "pass",
        ("tests/unit/core/containers/test_budget.py",),
    ),
    Protection(
        "pixels are bounded before decoding",
        "detection/images.py",
        "if header.width * header.height > options.max_pixels:",
        "if False:",
        ("tests/unit/detection/test_images.py",),
    ),
    # What strangers can ask for.
    Protection(
        "an address is checked",
        "core/containers/guard.py",
        "        if not private:\n",
        "        if False:\n",
        ("tests/unit/core/containers/test_guard.py",),
    ),
    Protection(
        "a redirect is not followed",
        "core/containers/http_reader.py",
        "redirect=False,\n            retries=False,",
        "redirect=True,\n            retries=3,",
        ("tests/unit/core/containers/test_http_reader.py",),
    ),
    Protection(
        "a cursor is sealed",
        "api/cursor.py",
        "or not hmac.compare_digest(seal, _seal(data, of, salt))",
        "",
        ("tests/unit/api/test_cursor.py",),
    ),
    Protection(
        "secrets are cut out of logs",
        "core/secrets.py",
        "    if not any(sign in lowered for sign in _SIGNS):\n",
        "    if True:\n",
        ("tests/unit/core/test_secrets.py",),
    ),
    Protection(
        "secrets are sealed",
        "core/sealing.py",
        "return self._fernet.encrypt(text.encode()).decode()",
        "return text",
        ("tests/unit/core/test_sealing.py", "tests/unit/core/test_job_folder.py"),
    ),
    Protection(
        "a cell is no formula",
        "postprocessing/cells.py",
        "return _MARK + text if text[:1] in _MARKED else text",
        "return text",
        ("tests/unit/postprocessing",),
    ),
    Protection(
        "a page is no script",
        "postprocessing/preview/pages.py",
        "autoescape=True",
        "autoescape=False",
        ("tests/unit/postprocessing/preview",),
    ),
    Protection(
        "a name leads nowhere but down",
        "core/safe_names.py",
        "    parts = [_legal(part) for part in",
        "    parts = [part for part in",
        ("tests/unit/core/test_safe_names.py",),
    ),
    Protection(
        "a file that is sealed anew is not brought back",
        "core/resealing.py",
        "if job_id and self._is_over(job_id, path):",
        "if False:",
        ("tests/unit/core/test_resealing.py",),
    ),
)
