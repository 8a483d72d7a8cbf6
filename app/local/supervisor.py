"""Starts everything in order, watches it, restarts what dies, and stops it in the reverse order."""

import asyncio
import os
import signal
import time
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from app.local.embedded import EmbeddedMongod
from app.local.given import require_database
from app.local.lock import run_lock
from app.local.logfiles import Follower, rotate, tail
from app.local.plan import RunPlan
from app.local.ports import require_free
from app.local.problems import LocalProblem, ServiceFailed
from app.local.processes import end_strangers, find_marked
from app.local.seeding import seed
from app.local.services import ChildService, DatabaseService, HealthCheck, Service, answers_ok, says_ready
from app.local.summary import table

Say = Callable[[str], None]
_LEFTOVER_SECONDS = 3.0
_WATCH_SECONDS = 0.25
_MOST_RESTARTS = 3
_RESTART_WINDOW_SECONDS = 300.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FORCED_STATUS = 130


def run(plan: RunPlan, *, say: Say) -> int:
    """Run the plan until it is interrupted; return 0 after an orderly stop, 1 after a problem, 130 after a forced stop.

    Progress and problems go to `say`, a line at a time. Call it from the main thread.
    """
    resolved = plan.resolved()
    try:
        with run_lock(resolved.data_dir):
            return asyncio.run(Supervisor(resolved, say).run())
    except LocalProblem as problem:
        say(str(problem))
        return 1


@dataclass(slots=True)
class Supervisor:
    """One run of one plan; the caller holds the folder's lock."""

    plan: RunPlan
    say: Say
    _database: list[Service] = field(init=False, default_factory=list)  # none or one
    _simulator: list[Service] = field(init=False, default_factory=list)  # none or one
    _postbox: list[Service] = field(init=False, default_factory=list)  # none or one
    _doors: list[Service] = field(init=False, default_factory=list)
    _stopping: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _forced: bool = field(init=False, default=False)
    _environment: dict[str, str] = field(init=False, default_factory=dict)
    _restarts: dict[str, deque[float]] = field(init=False, default_factory=lambda: defaultdict(deque))

    async def run(self) -> int:
        """Start, watch until interrupted, stop; return the exit status."""
        with self._signals_handled():
            try:
                await self._until_interrupted(self._start_and_watch())
            except LocalProblem as problem:
                self.say(str(problem))
                return 1
            finally:
                await self._stop()
        return _FORCED_STATUS if self._forced else 0

    async def _until_interrupted(self, work: Coroutine[Any, Any, None]) -> None:
        working = asyncio.ensure_future(work)
        interrupted = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({working, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        interrupted.cancel()
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working

    async def _start_and_watch(self) -> None:
        started = time.monotonic()
        mongod = await asyncio.to_thread(self._clear_the_way)
        environment = self.plan.environment(os.environ, mongod_port=mongod.port if mongod else 0)
        self._environment = environment
        self._make_services(mongod, environment)
        followers = [(service.name, Follower(service.log)) for service in self._doors]
        account = await self._start_all(environment)
        for line in table(
            self.plan,
            database_url=environment["MONGODB_URL"],
            seconds=time.monotonic() - started,
            account=account,
        ):
            self.say(line)
        await self._watch(followers)

    def _clear_the_way(self) -> EmbeddedMongod | None:
        """End what an earlier run left, check the ports, rotate the logs; return the database to start, if any."""
        plan = self.plan
        if leftovers := find_marked(plan.marker):
            self.say("An earlier run was killed; ending what it left behind ...")
            end_strangers(leftovers, grace_seconds=_LEFTOVER_SECONDS)
        require_free(plan.port, host=plan.host, setting="PORT")
        if plan.uses_simulator:
            require_free(plan.simulator_port, host="127.0.0.1", setting="SIMULATOR_PORT")
        for log in plan.logs.glob("*.log"):
            rotate(log)
        plan.worker_ready_file.unlink(missing_ok=True)
        if plan.mongodb_url:
            require_database(plan.mongodb_url)
            return None
        mongod = EmbeddedMongod.in_folder(plan.data_dir, mongod_path=plan.mongod_path)
        mongod.prepare()
        return mongod

    def _simulator_service(self, environment: dict[str, str]) -> ChildService:
        command = (*self.plan.simulator_command, "--port", str(self.plan.simulator_port), "--seed-data")
        return self._child("simulator", command, environment, answers_ok(f"{self.plan.simulator_url}/_sim/health"))

    def _postbox_service(self, environment: dict[str, str]) -> ChildService:
        ports = ("--port", str(self.plan.postbox_port), "--mail-port", str(self.plan.mail_port))
        health = answers_ok(f"{self.plan.postbox_url}/health")
        return self._child("postbox", (*self.plan.postbox_command, *ports), environment, health)

    def _api_service(self, environment: dict[str, str]) -> ChildService:
        command = (*self.plan.api_command, *(("--reload",) if self.plan.reload else ()))
        return self._child("API", command, environment, answers_ok(f"{self.plan.api_url}/health/ready"))

    def _worker_service(self, environment: dict[str, str]) -> ChildService:
        return self._child("worker", self.plan.worker_command, environment, says_ready(self.plan.worker_ready_file))

    def _child(
        self, name: str, command: tuple[str, ...], environment: dict[str, str], is_healthy: HealthCheck
    ) -> ChildService:
        return ChildService(
            name=name,
            command=command,
            log=self.plan.logs / f"{name.lower()}.log",
            environment=environment,
            is_healthy=is_healthy,
            say=self.say,
            timeout_seconds=self.plan.health_timeout_seconds,
            grace_seconds=self.plan.grace_seconds,
        )

    @property
    def _services(self) -> list[Service]:
        return [*self._database, *self._simulator, *self._postbox, *self._doors]

    def _make_services(self, mongod: EmbeddedMongod | None, environment: dict[str, str]) -> None:
        if mongod is not None:
            self._database.append(DatabaseService(mongod))
        if self.plan.uses_simulator:
            self._simulator.append(self._simulator_service(environment))
        if self.plan.has_postbox:
            self._postbox.append(self._postbox_service(environment))
        self._doors += [self._api_service(environment), self._worker_service(environment)]

    async def _start_all(self, environment: dict[str, str]) -> dict[str, object] | None:
        """Start everything and return the demo account; raises the first problem, the run stops the rest.

        The account needs only the database and the simulator, so it is made while the doors start.
        """
        names = [service.name for service in self._services]
        self.say(f"Starting the {', the '.join(names[:-1])} and the {names[-1]} ...")
        try:
            async with asyncio.TaskGroup() as group:
                simulators = [group.create_task(self._start(service)) for service in self._simulator]
                for service in self._postbox:
                    group.create_task(self._start(service))
                for service in self._database:
                    await self._start(service)
                for service in self._doors:
                    group.create_task(self._start(service))
                await asyncio.gather(*simulators)
                seeding = group.create_task(self._seed(environment))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return seeding.result()

    async def _start(self, service: Service) -> None:
        started = time.monotonic()
        await service.start()
        self.say(f"  the {service.name} is ready ({time.monotonic() - started:.1f} s)")

    async def _seed(self, environment: dict[str, str]) -> dict[str, object] | None:
        if not self.plan.seed_command:
            return None
        log = self.plan.logs / "seed.log"
        account = await seed(self.plan.seed_command, environment=environment, log=log)
        if account is None:
            last = "".join(tail(log, lines=1))
            self.say(f"The demo account could not be made; all else runs. See {log}: {last}")
        return account

    async def _watch(self, followers: list[tuple[str, Follower]]) -> None:
        """Restart what dies, show what warns; raises ServiceFailed when a service dies too often."""
        while True:
            for name, follower in followers:
                for line in await asyncio.to_thread(follower.new_warnings):
                    self.say(f"  {name} {line}")
            for service in self._services:
                if service.exit_status is not None:
                    await self._restart(service)
            await asyncio.sleep(_WATCH_SECONDS)

    async def _restart(self, service: Service) -> None:
        what = f"ended unexpectedly with status {service.exit_status}"
        recent = self._restarts[service.name]
        while recent and time.monotonic() - recent[0] > _RESTART_WINDOW_SECONDS:
            recent.popleft()
        lines = tail(service.log)
        if len(recent) == _MOST_RESTARTS:
            raise ServiceFailed(service.name, f"{what}, once too often", log=service.log, lines=lines)
        delay_seconds = self.plan.restart_delay_seconds * 2 ** len(recent)
        recent.append(time.monotonic())
        self.say(
            f"The {service.name} {what}; starting it again in {delay_seconds:.1f} s "
            f"({len(recent)} of {_MOST_RESTARTS}). Its log ends in: {''.join(lines[-1:])}"
        )
        await asyncio.sleep(delay_seconds)
        if service.name == "worker":
            self.plan.worker_ready_file.unlink(missing_ok=True)
        await self._start(service)
        if service in self._simulator:
            # It forgot where the demo account's events go.
            await self._seed(self._environment)

    async def _stop(self) -> None:
        """Stop the API and the worker, then the stand-ins, then the database."""
        if not self._services:
            return
        self.say("Stopping ...")
        await asyncio.gather(*(service.stop() for service in self._doors))
        for service in (*self._postbox, *self._simulator, *self._database):
            await service.stop()
        self.say(f"Stopped. The data is kept in {self.plan.data_dir}.")

    @contextmanager
    def _signals_handled(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._interrupt)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def _interrupt(self) -> None:
        """Stop in order at the first signal, kill at the second."""
        if self._stopping.is_set():
            self._forced = True
            for service in self._services:
                service.kill()
        self._stopping.set()
