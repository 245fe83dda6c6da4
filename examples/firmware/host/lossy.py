"""A bad line between the board and the server: loses bytes of an answer, closes in the middle of one, or ends with the power."""

import socket
import threading


class BadLine:
    """Passes everything on; of the answers counted in `bad` the first half only, and then `close`s or goes on."""

    def __init__(self, port, bad, close):
        self.target, self.bad, self.close, self.answers = port, bad, close, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                board, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.forward, args=(board, server), daemon=True).start()
            threading.Thread(target=self.answer, args=(server, board), daemon=True).start()

    @staticmethod
    def forward(board, server):
        try:
            while data := board.recv(4096):
                server.sendall(data)
            server.close()
        except OSError:
            pass

    def answer(self, server, board):
        try:
            while data := server.recv(65536):
                self.answers += 1
                if self.answers not in self.bad:
                    board.sendall(data)
                elif self.close:
                    board.sendall(data[: len(data) // 2])
                    board.shutdown(socket.SHUT_RDWR)
                    return
                else:
                    # a line that is not quick enough: some bytes near the end are gone
                    board.sendall(data[:-9] + data[-4:])
            board.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def stop(self):
        self.listener.close()


class PowerCut(BadLine):
    """Has the power go while request `number` is on its way: with its first byte, or with the answer to it."""

    def __init__(self, port, number, answered):
        self.number, self.answered, self.cut = number, answered, threading.Event()
        super().__init__(port, set(), False)

    def forward(self, board, server):
        try:
            while data := board.recv(4096):
                if self.answers + 1 == self.number and not self.answered:
                    self.cut.set()
                else:
                    server.sendall(data)
            server.close()
        except OSError:
            pass

    def answer(self, server, board):
        try:
            while data := server.recv(65536):
                self.answers += 1
                if self.answers == self.number:
                    self.cut.set()
                else:
                    board.sendall(data)
        except OSError:
            pass
