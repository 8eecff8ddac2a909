// Package systemd tells systemd what a process does, by the protocol of sd_notify: a
// datagram to the socket that NOTIFY_SOCKET names. It is a page of code; the library
// for it brings a module.
package systemd
