"""``/v2/doctor``: what is wrong with the scheduler's surroundings, as far as the scheduler can see, and the way out."""

from scheduler.api.doctor.routes import doctor_routes

__all__ = ["doctor_routes"]
