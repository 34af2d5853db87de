"""A permit: leave to make one call, for a host that owns the loop of attempts. Take it now, settle it later, once.

``Failover.acquire(after=permit)`` goes on with the same request, under the same rules as a request that we drive.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from math import inf

from failover_plugin.adrivers import Race
from failover_plugin.cadence import Cadence
from failover_plugin.classify.allowance import used_up_for
from failover_plugin.clock import Clock
from failover_plugin.errors import AllTargetsFailed
from failover_plugin.flow import Flow
from failover_plugin.intake import PREFILL, Repetition
from failover_plugin.judgement import judge
from failover_plugin.model import Diagnosis, Target, Trail, Usage
from failover_plugin.start import Start


class Permit:
    """Leave to call ``target``. Settled once, later calls do nothing; one that is never settled expires, as no
    evidence.

    ``wait`` is how many seconds the host must let pass before it calls: nearly always 0.
    """

    def __init__(self, flow: Flow, start: Start, wait: float, clock: Clock) -> None:
        self.flow = flow
        self._start = start
        self._clock = clock
        self._settled = False
        self._cadence: Cadence | None = None
        self.wait = wait
        self.cut_short = False
        """To be set where the caller allows the call less time than ``timeout``: if that runs out, it is the target's
        failure only by the share of its time that it had.
        """

    @property
    def target(self) -> Target:
        """Whom to call."""
        return self._start.target

    @property
    def number(self) -> int:
        """Which attempt of its request this is, from 1."""
        return self._start.number

    @property
    def timeout(self) -> float:
        """Seconds to give the client for a plain call."""
        return self._start.timeout

    @property
    def first_content_timeout(self) -> float:
        """Seconds until a stream's first content is overdue."""
        return self._start.first_content_timeout

    @property
    def idle_timeout(self) -> float:
        """Seconds that a stream may keep silent between chunks."""
        return self._start.idle_timeout

    @property
    def trail(self) -> Trail:
        """How the request has gone so far."""
        return self.flow.trail

    @property
    def settled(self) -> bool:
        """Whether the outcome has been told, or is of no interest any more: another call of the race has won."""
        return self._settled or self._start.ended is not None

    @property
    def resumed(self) -> bool:
        """Whether the call goes on with a stream that broke after its first content."""
        return self._start.resumed

    @property
    def takes_prefix(self) -> bool:
        """Whether the target goes on with a text that it is handed (capability ``prefill``)."""
        return PREFILL in self.target.capabilities

    def race(self, back_up: Callable[[Permit], Awaitable[bool]]) -> Race:
        """For a host on an event loop: the call begins now, and may get another one beside it when it is late.

        Make the call inside ``race.interruptible(seconds)``, and leave ``race`` when it is over. When another target is
        worth asking beside this one, ``back_up`` is run in a task of its own with the permit for it. It makes that
        call, settles a failure, and says whether it has the answer: then the call under way is interrupted, and
        ``race.won``.
        """

        def prepare(race: Race, start: Start) -> Callable[[], Awaitable[None]]:
            async def work() -> None:
                if await back_up(Permit(self.flow, start, 0.0, self._clock)):
                    race.win()

            return work

        race = Race(self.flow, self._clock, prepare)
        self.flow.listen(self._start)
        self._start.hurried = inf
        race.begin(self._start)
        return race

    def repetition(self, delivered: str) -> Repetition:
        """The check of a resumed stream against the text that the caller has had: a target that takes a prefix need not
        repeat it, any other has to.
        """
        return Repetition("" if self.takes_prefix else delivered)

    def first_content(self) -> None:
        """The stream's first content arrived. From here on its failure is the caller's to see. The pace of the chunks
        is measured from here.
        """
        if self._settled or self._cadence is not None:
            return
        now = self._clock.monotonic()
        self.flow.first_content(self._start, now)
        self._cadence = Cadence()
        self._cadence.came(now)

    def chunk_asked(self) -> None:
        """The host is ready for the stream's next chunk. Costs nothing once the pace is known."""
        if (cadence := self._cadence) is not None and not cadence.over:
            cadence.asked(self._clock.monotonic())

    def chunk_came(self) -> None:
        """A chunk has come, after the one with the first content: counted, until the pace is known."""
        if (cadence := self._cadence) is not None and not cadence.over:
            self._tell(cadence.came(self._clock.monotonic()))

    def stream_ended(self) -> None:
        """The stream has ended well: a short one tells its pace now. To be called before ``success``."""
        if self._cadence is not None:
            self._tell(self._cadence.ended())

    def _tell(self, pace: float | None) -> None:
        if pace is not None:
            self.paced(pace)

    def paced(self, seconds: float) -> None:
        """The stream's chunks took so many ``seconds`` each, from the first content on: how many calls at once the
        target is good for follows from that.
        """
        if not self._settled:
            self.flow.paced(self._start, seconds, self._clock.monotonic())

    def success(self, usage: Usage | None = None) -> None:
        """The call answered in full; ``usage`` are its tokens, which correct the estimate for ``Target.tpm``."""
        if self._settle():
            self.flow.succeeded(self._start, self._clock.monotonic(), usage)

    def without_content(self) -> None:
        """The answer says nothing, though it is one: it was filtered, say. To be called before ``success``."""
        self._start.wordless = True

    def saw(self, headers: Mapping[str, str]) -> None:
        """The response had these headers: a rate limit that they call used up is not run into."""
        if seconds := used_up_for(headers):
            self.flow.used_up(self._start, seconds, self._clock.monotonic())

    def failure(self, error: BaseException) -> Diagnosis:
        """The call failed; returns what it was.

        An ``EmptyResponse`` with an ``answer`` is a failure only if the permit that ``acquire(after=self)`` gives is
        one for a call that has more to say. Where it gives none, or that call fails, hand the answer out.
        """
        if self._settle():
            return self.flow.failed(self._start, error, self._clock.monotonic(), cut_short=self.cut_short)
        return judge(self._start, error)

    def cancel(self) -> None:
        """The caller left, or the call was never made: evidence for nothing."""
        if self._settle():
            self.flow.abandoned(self._start, self._clock.monotonic())

    def exhausted(self) -> BaseException:
        """What to raise after ``acquire(after=self)`` gave None: the first target's own error, with notes and trail."""
        error = self.flow.verdict(self._clock.monotonic())
        return error.first_error() if isinstance(error, AllTargetsFailed) else error

    def _settle(self) -> bool:
        first, self._settled = not self._settled, True
        return first
