//go:build e2e && linux

package cluster

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"
)

// StartMinIO starts the store, whose data and keys outlive a StopMinIO.
func (c *Cluster) StartMinIO(ctx context.Context) (err error) {
	if c.minio != nil {
		return nil
	}
	env := []string{"MINIO_ROOT_USER=" + c.AccessKey, "MINIO_ROOT_PASSWORD=" + c.SecretKey, "MINIO_BROWSER=off", "MINIO_UPDATE=off"}
	c.minio, err = c.start("minio", filepath.Join(c.o.Bin, "minio"), env,
		"server", "--address="+Host+":9000", "--certs-dir="+c.path("minio-certs"), c.path("minio"))
	if err != nil {
		return err
	}
	if err := await(ctx, time.Minute, answers(c.Endpoint+"/minio/health/live"), c.minio); err != nil {
		return fmt.Errorf("starting MinIO: %w", err)
	}
	return nil
}

// StopMinIO ends the store at once, as a crash would; its data stay.
func (c *Cluster) StopMinIO() error {
	d := c.minio
	c.minio = nil
	return d.stop(0)
}

// StartArgo starts Argo's controller for one namespace, which must hold the ConfigMap workflow-controller-configmap.
// It has the rights of the service account named by ControllerAccount, or the administrator's if that is empty.
func (c *Cluster) StartArgo(ctx context.Context, namespace string) (err error) {
	if c.argo != nil {
		return nil
	}
	config := c.Kubeconfig
	if c.ControllerAccount != "" {
		if config, err = c.AccountKubeconfig(ctx, namespace, c.ControllerAccount); err != nil {
			return fmt.Errorf("starting Argo's controller: %w", err)
		}
	}
	// A workflow is looked at again only after the requeue time, 10 s by default, which would be most of a test's time.
	env := []string{"KUBECONFIG=" + config, "LEADER_ELECTION_DISABLE=true", "DEFAULT_REQUEUE_TIME=1s"}
	c.argo, err = c.start("workflow-controller", filepath.Join(c.o.Bin, "argo", "workflow-controller"), env,
		"--namespaced", "-n", namespace, "--executor-image", ExecutorImage)
	if err != nil {
		return err
	}
	if err := await(ctx, time.Minute, answers("http://127.0.0.1:6060/healthz"), c.argo); err != nil {
		return fmt.Errorf("starting Argo's controller: %w", err)
	}
	return nil
}

// StopArgo kills the controller at once, as a crash would; workflows go on when it is started again.
func (c *Cluster) StopArgo() error {
	d := c.argo
	c.argo = nil
	return d.stop(0)
}

func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answered %s", url, resp.Status)
		}
		return nil
	}
}
