//go:build linux && !386

package ingest

import (
	"net"
	"syscall"
	"unsafe"
)

// From linux/socket.h and linux/sock_diag.h: an option that reads the socket's
// memory, as numbers of 32 bits, and which of them counts dropped packets.
const (
	soMemInfo    = 55
	memInfoDrops = 8
)

// socketDrops returns how many packets the kernel has dropped as the socket's
// buffer was full, modulo 2^32.
func socketDrops(conn net.PacketConn) (drops uint32, ok bool) {
	sys, isSys := conn.(syscall.Conn)
	if !isSys {
		return 0, false
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return 0, false
	}
	var info [memInfoDrops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	err = raw.Control(func(fd uintptr) {
		_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.SOL_SOCKET, soMemInfo,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		ok = errno == 0
	})
	return info[memInfoDrops], ok && err == nil
}
