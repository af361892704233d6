"""A simulated Confluence over real HTTP on loopback, with faults and a sample HR handbook.

Shares no code with the worker. Useful for other projects too: see README.md.
"""

from confluence_simulator.faults import Fault
from confluence_simulator.generated import BodyLengths, generated_world
from confluence_simulator.sample import handbook_world
from confluence_simulator.serve import ServeOptions, make_simulator, serve_forever
from confluence_simulator.simulator import Simulator
from confluence_simulator.tenant import Tenant
from confluence_simulator.world import World

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
