"""Payment Gateway API: a self-hosted payment gateway for merchants who take money through Razorpay."""

__version__ = "0.1.0"
