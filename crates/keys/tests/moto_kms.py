"""moto_server, with a KMS that signs digests as AWS does: moto (5.2.5) hashes them once more, whatever MessageType says."""

import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms import utils
from moto.server import main

DIGEST = ec.ECDSA(Prehashed(hashes.SHA256()))
utils.ECDSAPrivateKey.sign = lambda self, message, _: self.private_key.sign(message, DIGEST)
main(sys.argv[1:])
