"""Makes a key pair for CURVE, and prints it.

Both keys are Z85 text. --json prints them as a JSON object, --secret derives the public key of a secret key that you have.
"""

from __future__ import annotations

import argparse
import json
from typing import List, Optional

from ._core import curve_keypair, curve_public
from .error import ZMQError


def main(argv: Optional[List[str]] = None) -> None:
    """Run the program, with these arguments or those of the command line."""
    parser = argparse.ArgumentParser(prog=f"python3 -m {__spec__.name}", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, with the members public and secret")
    parser.add_argument("--secret", metavar="KEY", help="a secret key: print it with its public key, make no new pair")
    options = parser.parse_args(argv)
    if options.secret is None:
        public, secret = (key.decode("ascii") for key in curve_keypair())
    else:
        secret = options.secret
        try:
            public = curve_public(secret).decode("ascii")
        except (ValueError, ZMQError) as error:
            parser.error(f"argument --secret: {error}")
    if options.json:
        print(json.dumps({"public": public, "secret": secret}, indent=1))
    else:
        print(f"== CURVE PUBLIC KEY ==\n{public}\n\n== CURVE SECRET KEY ==\n{secret}")


if __name__ == "__main__":
    main()
