package handover

import "syscall"

// enlarge has the kernel take in a whole hand-over without its sender having to wait for the receiver.  Who may not pass net.core.wmem_max gets that.
func enlarge(fd int) {
	const enough = 16 << 20 // bytes: some 5,000 calls
	if syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUFFORCE, enough) != nil {
		_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, enough)
	}
}
