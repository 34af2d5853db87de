"""The proof that failover harms nobody: random scripts, played with us and without us in the same world.

A *script* says what each target does at which time, who asks when and how, and what else happens to the process. It is
decided by its host, kind and seed alone. A *side* is what the application calls: LangChain's ``with_fallbacks`` or our
``ChatFailover``, a LiteLLM Router as it comes or one with ``install``. The *verdict* compares what the two made of it:

1. no request is lost that only the other side served (exceptions: ``verdict.is_excused``),
2. no target at which no provider failed has an open or half-open breaker, at any time,
3. all scripts together, no more calls at the targets than the other side's.

One script again: ``python -m tests.harmless langchain in_turn 7``.
Hundreds, by hand: ``FAILOVER_HARMLESS=600 pytest tests/harmless -s``.

To read, in this order: ``script`` (the data), ``dice`` and ``kinds…`` (the generator), ``world`` (what targets do).
Played in no time, with chat models in this process: ``virtual``, ``models``, ``errors``, ``langchain_play``. Played in
real time, with real clients and the emulator, the application in a process of its own: ``wire``, ``player``,
``real_models``. What is asked: ``asking``, ``langchain_sides``, ``litellm_sides``. Then ``verdict``.
"""
