//go:build e2e && linux

// Command probe prints what a pod may do: whom it runs as, whether its root is read-only, whether it reaches the store.
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	readOnly := os.WriteFile("/probe", nil, 0o600) != nil
	_, err := os.Stat("/var/run/secrets/kubernetes.io/serviceaccount/token")
	conn, dialed := net.DialTimeout("tcp", os.Args[1], 5*time.Second)
	fmt.Printf("shard %s uid %d readonly %t token %t store %t\n", os.Args[2], os.Getuid(), readOnly, err == nil, dialed == nil)
	if dialed != nil {
		os.Exit(1)
	}
	_ = conn.Close()
}
