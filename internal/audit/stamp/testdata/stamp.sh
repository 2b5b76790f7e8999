#!/bin/sh
# stamp.sh makes a time-stamping authority in the working directory, which answers query.tsq
# with stamp.tsr; its root is root.pem. What is kept beside this was made by it.
set -eu
cat > tsa.cnf <<'END'
[req]
distinguished_name = name
prompt = no
[name]
CN = a time-stamping authority
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[tsa]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[authority]
serial = serial
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
signer_digest = sha256
ess_cert_id_alg = sha256
END
openssl req -x509 -config tsa.cnf -extensions root -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 36500 -subj "/CN=a root"
openssl req -config tsa.cnf -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr
openssl x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -extfile tsa.cnf -extensions tsa -days 36500 -out tsa.pem
echo 01 > serial
openssl ts -reply -config tsa.cnf -section authority -queryfile query.tsq -inkey tsa.key -signer tsa.pem -chain root.pem -out stamp.tsr
