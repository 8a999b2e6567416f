"""A child whose engine claims that its second rule holds; started in the place of the honest one."""

from collections.abc import Sequence

from service.rules import child
from service.rules.engine import Found, Session


class LyingSession(Session):
    def match(self, codes: Sequence[int]) -> Found:
        return [1], self.match_anew(codes)[1]


if __name__ == "__main__":
    child.Session = LyingSession
    child.main()
