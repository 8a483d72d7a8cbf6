"""A simulator of Razorpay: its API, its checkout and its webhooks, with faults on request and no real money."""

from razorpay_simulator.app import create_app
from razorpay_simulator.config import SimulatorConfig
from razorpay_simulator.server import RunningSimulator, serve

__all__ = ["RunningSimulator", "SimulatorConfig", "create_app", "serve"]
