"""stub"""
from attrs import frozen
@frozen
class Accepted:
    name: str
