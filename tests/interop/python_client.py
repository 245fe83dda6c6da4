#!/usr/bin/env python3
"""Drives the two SCEP client libraries of the Python package index.

usage: python_client.py pyscep|scepreq URL COMMAND [NAME CHALLENGE]

COMMAND is enrol, renew, cert or crl. The current folder holds the result, cert.pem with key.pem; renew signs with
these and replaces them. Exit status: 0 done, 3 FAILURE, 4 held too long.
"""
import sys
import time
import warnings

warnings.filterwarnings("ignore")
library, url, command = sys.argv[1:4]
if library == "pyscep":
    from scep.Client import Certificate, PKIStatus, PrivateKey, SigningRequest
    from scep.Client.client import Client
else:
    from scepreq.certificate import Certificate
    from scepreq.client import Client
    from scepreq.enums import PKIStatus
    from scepreq.privatekey import PrivateKey
    from scepreq.signingrequest import SigningRequest

from asn1crypto import csr as asn1_csr
from asn1crypto import pem

USAGE = {"digital_signature", "key_encipherment"}
POLLS = 5
client = Client(url)


def store(name, data):
    with open(name, "wb") as file:
        file.write(data)


def load(name):
    with open(name, "rb") as file:
        return file.read()


def request(name, challenge):
    """A certification request and its key."""
    if library == "pyscep":
        return SigningRequest.generate_csr(cn=name, key_usage=USAGE, password=challenge)
    pair = SigningRequest.generate_pair(size=2048)
    return SigningRequest.generate_csr(f"CN={name}", USAGE, ["1.3.6.1.5.5.7.3.2"], challenge, pair)


def own():
    return Certificate.from_pem(load("cert.pem")), PrivateKey.from_pem(load("key.pem"))


def end_if_refused(reply):
    if reply.status == PKIStatus.FAILURE:
        print("FAILURE", reply.fail_info)
        sys.exit(3)


def enrol(identity, name, challenge):
    """These libraries sign the first request with a key of its own, not with the one to be certified."""
    certificate, key = identity
    csr, new_key = request(name, challenge)
    reply = client.enrol(csr=csr, identity=certificate, identity_private_key=key)
    subject = asn1_csr.CertificationRequest.load(pem.unarmor(csr.to_pem())[2])["certification_request_info"]["subject"]
    for _ in range(POLLS):
        if reply.status != PKIStatus.PENDING:
            break
        print("PENDING", reply.transaction_id)
        time.sleep(0.2)
        reply = client.poll(
            identity=certificate, identity_private_key=key, subject=subject, transaction_id=reply.transaction_id
        )
    end_if_refused(reply)
    if reply.status == PKIStatus.PENDING:
        sys.exit(4)
    store("cert.pem", reply.certificates[0].to_pem())
    store("key.pem", new_key.to_pem())


if command == "enrol":
    enrol(SigningRequest.generate_self_signed(cn=sys.argv[4], key_usage=USAGE), *sys.argv[4:6])
elif command == "renew":
    enrol(own(), *sys.argv[4:6])
elif command == "cert":
    certificate, key = own()
    reply = client.get_cert(identity=certificate, identity_private_key=key, serial_number=certificate.serial_number)
    end_if_refused(reply)
    store("fetched.pem", reply.certificates[0].to_pem())
elif command == "crl":
    certificate, key = own()
    reply = client.get_crl(identity=certificate, identity_private_key=key, serial_number=certificate.serial_number)
    end_if_refused(reply)
    crl = reply.crl
    store("crl.der", crl.to_der() if hasattr(crl, "to_der") else crl._revocation_list.dump())
else:
    sys.exit(f"no such command: {command}")
