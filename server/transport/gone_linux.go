package transport

import "golang.org/x/sys/unix"

// gone returns those connections whose clients have closed them.
func gone(conns []*conn) []*conn {
	fds := make([]unix.PollFd, len(conns))
	for i, c := range conns {
		fds[i] = unix.PollFd{Fd: int32(c.fd), Events: unix.POLLRDHUP}
	}
	if n, err := unix.Poll(fds, 0); err != nil || n == 0 {
		return nil // interrupted: the next look is soon
	}
	var left []*conn
	for i, fd := range fds {
		if fd.Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0 {
			left = append(left, conns[i])
		}
	}
	return left
}
