//go:build e2e && linux

package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"
)

// authority signs the cluster's certificates; its key is never written.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

// identity is whom a certificate names: the user and groups of a client, or the addresses of a server.
type identity struct {
	file, user string
	groups     []string
	server     bool
}

func (c *Cluster) writeCertificates(context.Context) error {
	ca, err := newAuthority()
	if err != nil {
		return fmt.Errorf("making the certificate authority: %w", err)
	}
	if err := c.write("pki/ca.crt", ca.pem); err != nil {
		return err
	}
	for _, id := range []identity{
		{file: "apiserver", user: "kube-apiserver", server: true},
		{file: "kubelet-server", user: "kubelet", server: true},
		{file: "admin", user: "admin", groups: []string{"system:masters"}},
		{file: "kubelet", user: "system:node:" + NodeName, groups: []string{"system:nodes"}},
		{file: "controller-manager", user: "system:kube-controller-manager"},
		{file: "scheduler", user: "system:kube-scheduler"},
	} {
		cert, key, err := ca.issue(id)
		if err != nil {
			return fmt.Errorf("issuing the certificate of %s: %w", id.file, err)
		}
		name := "pki/" + id.file
		files := map[string]string{name + ".crt": cert, name + ".key": key}
		if !id.server {
			files[name+".kubeconfig"] = kubeconfig(ca.pem, certUser(cert, key))
		}
		if id.file == "admin" {
			files["kubeconfig"] = files[name+".kubeconfig"]
		}
		for file, text := range files {
			if err := c.write(file, text); err != nil {
				return err
			}
		}
	}
	return c.writeAccountKey()
}

// writeAccountKey makes the key that signs service-account tokens.
func (c *Cluster) writeAccountKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making the service-account key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return fmt.Errorf("encoding the service-account key: %w", err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding the service-account key: %w", err)
	}
	if err := c.write("pki/account.pub", encode("PUBLIC KEY", public)); err != nil {
		return err
	}
	return c.write("pki/account.key", encode("EC PRIVATE KEY", private))
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := template("gymline-e2e-ca")
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert: cert, key: key, pem: encode("CERTIFICATE", der)}, err
}

func (a *authority) issue(id identity) (cert, key string, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	t := template(id.user)
	t.Subject.Organization = id.groups
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if id.server {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		t.IPAddresses = []net.IP{net.ParseIP(Host), net.IPv4(127, 0, 0, 1)}
		t.DNSNames = []string{NodeName, "localhost", "kubernetes", "kubernetes.default.svc"}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &k.PublicKey, a.key)
	if err != nil {
		return "", "", err
	}
	private, err := x509.MarshalECPrivateKey(k)
	return encode("CERTIFICATE", der), encode("EC PRIVATE KEY", private), err
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// kubeconfig carries its credentials inline, so that the file may be copied anywhere.
func kubeconfig(ca, user string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: e2e
clusters:
- name: e2e
  cluster: {server: "https://%s:6443", certificate-authority-data: %s}
users:
- name: e2e
  user: {%s}
contexts:
- name: e2e
  context: {cluster: e2e, user: e2e}
`, Host, base64.StdEncoding.EncodeToString([]byte(ca)), user)
}

func certUser(cert, key string) string {
	b64 := base64.StdEncoding
	return "client-certificate-data: " + b64.EncodeToString([]byte(cert)) +
		", client-key-data: " + b64.EncodeToString([]byte(key))
}

// AccountKubeconfig writes a kubeconfig with the rights of a service account and returns its path.
func (c *Cluster) AccountKubeconfig(ctx context.Context, namespace, account string) (string, error) {
	token, err := c.Kubectl(ctx, "create", "token", "-n", namespace, account, "--duration=12h")
	if err != nil {
		return "", err
	}
	ca, err := os.ReadFile(c.path("pki", "ca.crt"))
	if err != nil {
		return "", fmt.Errorf("writing the kubeconfig of %s: %w", account, err)
	}
	name := fmt.Sprintf("pki/%s.%s.kubeconfig", namespace, account)
	return c.path(name), c.write(name, kubeconfig(string(ca), "token: "+strings.TrimSpace(token)))
}
