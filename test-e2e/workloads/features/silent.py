# A listener at the address and port that are its arguments, whose queue is full: who connects is never answered.
import signal
import socket
import sys

address = (sys.argv[1], int(sys.argv[2]))
listener = socket.create_server(address, backlog=0)
queued = socket.create_connection(address)
signal.pause()
