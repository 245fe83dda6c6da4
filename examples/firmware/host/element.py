"""A secure element: has the private key, takes a digest or an encrypted key, and answers when it is done.

On the wire: one letter and its bytes. `P` asks for the public key, `S` and 32 bytes for a signature over that SHA-256
digest, `D` and 256 bytes for what they decrypt to. The answer is a length in two bytes and the bytes; no bytes mean no.
"""

import socket
import subprocess
import threading
import time


class Element:
    def __init__(self, folder):
        self.key = folder / "element.pem"
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.asked = self.listener.getsockname()[1], ""
        threading.Thread(target=self.serve, daemon=True).start()

    def openssl(self, *arguments, data=b""):
        return subprocess.run(["openssl", *arguments], input=data, capture_output=True).stdout

    def public_key(self):
        return self.openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")

    def answer(self, letter, data):
        time.sleep(0.05)
        use = ["-inkey", self.key, "-pkeyopt", "rsa_padding_mode:pkcs1"]
        match letter:
            case b"P":
                return self.public_key()
            case b"S":
                return self.openssl("pkeyutl", "-sign", *use, "-pkeyopt", "digest:sha256", data=data)
            case b"D":
                return self.openssl("pkeyutl", "-decrypt", *use, data=data)

    def serve(self):
        lengths = {b"P": 0, b"S": 32, b"D": 256}
        while True:
            try:
                board, _ = self.listener.accept()
            except OSError:
                return
            stream = board.makefile("rwb")
            while (letter := stream.read(1)) in lengths:
                self.asked += letter.decode()
                answer = self.answer(letter, stream.read(lengths[letter]))
                stream.write(len(answer).to_bytes(2, "big") + answer)
                stream.flush()

    def stop(self):
        self.listener.close()
