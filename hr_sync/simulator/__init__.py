"""A living Confluence over real HTTP on loopback, with faults and a sample HR handbook.

Shares no code with the worker. Useful for other projects too: see docs/simulator.md.
"""

from hr_sync.simulator.faults import Fault
from hr_sync.simulator.generated import BodyLengths, generated_world
from hr_sync.simulator.sample import handbook_world
from hr_sync.simulator.serve import ServeOptions, make_simulator, serve_forever
from hr_sync.simulator.simulator import Simulator
from hr_sync.simulator.tenant import Tenant
from hr_sync.simulator.world import World

__all__ = [
    "BodyLengths",
    "Fault",
    "ServeOptions",
    "Simulator",
    "Tenant",
    "World",
    "generated_world",
    "handbook_world",
    "make_simulator",
    "serve_forever",
]
