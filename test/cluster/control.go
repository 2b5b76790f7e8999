//go:build e2e && linux

package cluster

import (
	"context"
	"path/filepath"
	"time"
)

func (c *Cluster) kubernetes(name string) string { return filepath.Join(c.o.Bin, "kubernetes", name) }

// startAPIServer starts etcd and the API server, which retries until etcd answers.
func (c *Cluster) startAPIServer(context.Context) error {
	// Nothing here survives a crash anyway, so etcd need not wait for the disk.
	if err := c.keep("etcd", "etcd", "--name=e2e", "--data-dir="+c.path("etcd"), "--unsafe-no-fsync",
		"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=e2e=http://127.0.0.1:2380"); err != nil {
		return err
	}
	// etcd's membership marks the cgroup as in use for every other run on this machine.
	if err := c.markCgroup(c.daemons[0].cmd.Process.Pid); err != nil {
		return err
	}
	pki := func(name string) string { return c.path("pki", name) }
	return c.keep("kube-apiserver", c.kubernetes("kube-apiserver"),
		"--etcd-servers=http://127.0.0.1:2379",
		"--bind-address=0.0.0.0", "--secure-port=6443",
		"--advertise-address="+Host, "--external-hostname="+Host,
		"--endpoint-reconciler-type=none",
		"--tls-cert-file="+pki("apiserver.crt"), "--tls-private-key-file="+pki("apiserver.key"),
		"--cert-dir="+c.path("pki"),
		"--client-ca-file="+pki("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+pki("account.pub"),
		"--service-account-signing-key-file="+pki("account.key"),
		"--service-cluster-ip-range=198.19.0.0/24",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--kubelet-certificate-authority="+pki("ca.crt"),
		"--kubelet-client-certificate="+pki("admin.crt"), "--kubelet-client-key="+pki("admin.key"),
		"--kubelet-preferred-address-types=InternalIP")
}

func (c *Cluster) awaitAPIServer(ctx context.Context) error {
	return await(ctx, 2*time.Minute, func(ctx context.Context) error {
		_, err := c.Kubectl(ctx, "get", "--raw", "/readyz")
		return err
	}, c.daemons...)
}

// startNode starts what turns accepted objects into running pods.
func (c *Cluster) startNode(ctx context.Context) error {
	if err := c.keep("kube-controller-manager", c.kubernetes("kube-controller-manager"),
		"--kubeconfig="+c.path("pki", "controller-manager.kubeconfig"),
		"--service-account-private-key-file="+c.path("pki", "account.key"),
		"--root-ca-file="+c.path("pki", "ca.crt"),
		"--use-service-account-credentials", "--leader-elect=false",
		"--bind-address=127.0.0.1", "--cert-dir="+c.path("pki")); err != nil {
		return err
	}
	if err := c.keep("kube-scheduler", c.kubernetes("kube-scheduler"),
		"--kubeconfig="+c.path("pki", "scheduler.kubeconfig"),
		"--leader-elect=false", "--bind-address=127.0.0.1"); err != nil {
		return err
	}
	return c.startKubelet(ctx)
}

func (c *Cluster) awaitNode(ctx context.Context) error {
	return await(ctx, 2*time.Minute, func(ctx context.Context) error {
		if _, err := c.Kubectl(ctx, "wait", "--for=condition=Ready", "node/"+NodeName, "--timeout=20s"); err != nil {
			return err
		}
		// Until the controllers run, a new namespace lacks its default account, and Argo fails a workflow for that.
		_, err := c.Kubectl(ctx, "get", "serviceaccount", "-n", "default", "default")
		return err
	}, c.daemons...)
}
