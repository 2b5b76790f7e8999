package exporter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gymline/gymline/internal/fault"
)

// A Server serves an exporter's metrics, and those of its own process, at /metrics.
type Server struct {
	*Exporter
	listener net.Listener
	http     *http.Server
	ended    chan struct{}
}

// Listen serves at an address such as 127.0.0.1:9464 until Close. There is no
// encryption and no password: what it serves are counts, names of steps and the
// run's name.
func Listen(address string) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fault.New(fault.Config, fmt.Errorf("metrics: %w", err), "give --metrics a free HOST:PORT of this machine, such as 127.0.0.1:9464")
	}
	registry := prometheus.NewPedanticRegistry()
	x := &Exporter{}
	registry.MustRegister(x, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s := &Server{
		Exporter: x, listener: listener, ended: make(chan struct{}),
		http: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute},
	}
	go func() {
		defer close(s.ended)
		_ = s.http.Serve(listener) // it ends with Close
	}()
	return s, nil
}

// Address is where it listens, also when the port was left to the system.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close lets a scrape under way end, while ctx lasts, and stops listening.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.ended
	return err
}
