# Python (ssl, urllib): a client that logs in with a card.
#
# conf/uri2pem.sh 'card://usage=auth' >key.pem
import ssl
import urllib.request

context = ssl.create_default_context(cafile="/etc/tessera/server-ca.pem")
# With password="..." the PIN is the program's; without, the configuration's.
context.load_cert_chain("/etc/tessera/card.pem", "/etc/tessera/key.pem")
# Only for CPS3 cards: their PKCS#1 v1.5 signatures TLS 1.3 has no more.
context.maximum_version = ssl.TLSVersion.TLSv1_2

with urllib.request.urlopen("https://localhost:8443/", context=context) as page:
    print(page.read().decode())
