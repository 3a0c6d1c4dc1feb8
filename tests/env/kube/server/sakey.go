package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
)

// generateServiceAccountKey prints a new RSA key in PEM: ServiceAccount tokens are RS256, as on EKS.
func generateServiceAccountKey() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(err)
	check(pem.Encode(os.Stdout, &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}
