//go:build !linux || 386

package ingest

import "net"

// socketDrops is known on Linux alone.
func socketDrops(net.PacketConn) (drops uint32, ok bool) { return 0, false }
