/*
 * A test PKI in the layout of IGC-Sante (fact sheet cps3, section 8), made
 * with libcrypto. Every name in it says TEST.
 */
#include "tests/sim/pki.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "card/error.h"

enum { PATH_MAX_LEN = 512, DAYS = 3652, EXTRA_MAX = 4096 };

const struct pki_holder pki_holder_default = {
    .idnat = "899700245667",
    .family = "TESTEUR",
    .given = "\xC3\x89LODIE",
    .title = "M\xC3\xA9" "decin",
};

struct extension {
    int nid;
    const char *value; /* as in openssl.cnf */
};

#define HOST "igc-sante.tessera.test"
#define DIRECTORY "annuaire-igc.tessera.test"
#define CA_CN "TEST%20AC%20IGC-SANTE%20FORT%20PERSONNES"

static const struct extension root_extensions[] = {
    {NID_basic_constraints,      "critical,CA:TRUE"    },
    {NID_key_usage,              "critical,keyCertSign,cRLSign"},
    {NID_subject_key_identifier, "hash"                },
    {NID_undef,                  NULL                  },
};

static const struct extension ca_extensions[] = {
    {NID_basic_constraints,        "critical,CA:TRUE,pathlen:0"  },
    {NID_key_usage,                "critical,keyCertSign,cRLSign"},
    {NID_subject_key_identifier,   "hash"                        },
    {NID_authority_key_identifier, "keyid:always"                },
    {NID_undef,                    NULL                          },
};

/* What both of the holder's certificates carry. */
static const struct extension holder_extensions[] = {
    {NID_basic_constraints,        "critical,CA:FALSE"          },
    {NID_subject_key_identifier,   "hash"                       },
    {NID_authority_key_identifier, "keyid:always"               },
    {NID_certificate_policies,     "1.2.250.1.71.4.99.1.1"      },
    {NID_crl_distribution_points,
     "URI:http://" HOST "/CRL/TEST-ACI-FO-PP.crl,"
     "URI:ldap://" DIRECTORY "/cn=" CA_CN "%2Cou=IGC-SANTE%20TEST"
     "%2Cou=0002%20000000000%2Co=TESSERA%20TEST%2Cc=FR"
     "?certificaterevocationlist;binary?base?objectClass=pkiCA"},
    {NID_freshest_crl,
     "URI:http://" HOST "/CRL/TEST-ACI-FO-PP-delta.crl"         },
    {NID_info_access,
     "OCSP;URI:http://ocsp." HOST "/,"
     "caIssuers;URI:http://" HOST "/AC/TEST-ACI-FO-PP.cer"      },
    {NID_undef,                    NULL                         },
};

static const struct extension auth_extensions[] = {
    {NID_key_usage,     "critical,digitalSignature,keyEncipherment"},
    {NID_ext_key_usage, "clientAuth"                               },
    {NID_undef,         NULL                                       },
};

/* RSA keys encipher, others agree; each for receiving only. */
static const struct extension decrypt_extensions[] = {
    {NID_key_usage, "critical,keyEncipherment,dataEncipherment"},
    {NID_undef,     NULL                                       },
};

static const struct extension agree_extensions[] = {
    {NID_key_usage, "critical,keyAgreement"},
    {NID_undef,     NULL                   },
};

static const struct extension sign_extensions[] = {
    {NID_key_usage, "critical,digitalSignature,nonRepudiation"},
    {NID_undef,     NULL                                      },
};

static const struct extension server_extensions[] = {
    {NID_basic_constraints,        "critical,CA:FALSE"               },
    {NID_key_usage,                "critical,digitalSignature,"
                                   "keyEncipherment"                 },
    {NID_ext_key_usage,            "serverAuth"                      },
    {NID_subject_alt_name,         "DNS:localhost,IP:127.0.0.1,IP:::1"},
    {NID_subject_key_identifier,   "hash"                            },
    {NID_authority_key_identifier, "keyid:always"                    },
    {NID_undef,                    NULL                              },
};

/* What libcrypto refused, as our sentence. */
static int fail(const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return card_fail(CARD_E_CONFIG, "test PKI: %s: %s", what,
                     reason != NULL ? reason : "failed");
}

static bool file_path(char path[PATH_MAX_LEN], const char *dir,
                      const char *name, const char *suffix)
{
    int n = snprintf(path, PATH_MAX_LEN, "%s/%s%s", dir, name, suffix);

    return n > 0 && n < PATH_MAX_LEN;
}

static FILE *file_open(const char *dir, const char *name, const char *suffix,
                       const char *mode)
{
    char path[PATH_MAX_LEN];
    FILE *file = NULL;

    if (file_path(path, dir, name, suffix))
        file = fopen(path, mode);
    if (file == NULL)
        card_fail(CARD_E_CONFIG, "test PKI: %s/%s%s: %s", dir, name, suffix,
                  strerror(errno));
    return file;
}

EVP_PKEY *pki_load_key(const char *dir, const char *name)
{
    FILE *file = file_open(dir, name, ".key", "r");
    EVP_PKEY *key;

    if (file == NULL)
        return NULL;
    if ((key = PEM_read_PrivateKey(file, NULL, NULL, NULL)) == NULL)
        fail(name);
    fclose(file);
    return key;
}

X509 *pki_load_cert(const char *dir, const char *name)
{
    FILE *file = file_open(dir, name, ".pem", "r");
    X509 *cert;

    if (file == NULL)
        return NULL;
    if ((cert = PEM_read_X509(file, NULL, NULL, NULL)) == NULL)
        fail(name);
    fclose(file);
    return cert;
}

static int save_key(const char *dir, const char *name, EVP_PKEY *key)
{
    FILE *file = file_open(dir, name, ".key", "w");
    int ok;

    if (file == NULL)
        return CARD_E_CONFIG;
    ok = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    if (fclose(file) != 0 || ok != 1)
        return fail(name);
    return 0;
}

/* Certificates one after the other, as ssl_certificate wants a chain. */
static int save_certs(const char *dir, const char *name, X509 *first,
                      X509 *second)
{
    FILE *file = file_open(dir, name, ".pem", "w");
    int ok;

    if (file == NULL)
        return CARD_E_CONFIG;
    ok = PEM_write_X509(file, first);
    if (ok == 1 && second != NULL)
        ok = PEM_write_X509(file, second);
    if (fclose(file) != 0 || ok != 1)
        return fail(name);
    return 0;
}

static bool exists(const char *dir, const char *name)
{
    char path[PATH_MAX_LEN];

    return file_path(path, dir, name, ".pem") && access(path, R_OK) == 0;
}

/*
 * One more attribute of the subject, in the same RDN as the one before when
 * `joined`. Since OpenSSL 4 the name in a certificate is const: a copy grows.
 */
static bool name_add(X509 *cert, int nid, const char *text, bool joined)
{
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(cert));
    bool added = name != NULL
                 && X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8,
                                               (const unsigned char *)text, -1,
                                               -1, joined ? -1 : 0) == 1
                 && X509_set_subject_name(cert, name) == 1;

    X509_NAME_free(name);
    return added;
}

static bool name_authority(X509 *cert, const char *cn)
{
    return name_add(cert, NID_countryName, "FR", false)
           && name_add(cert, NID_organizationName, "TESSERA TEST", false)
           && name_add(cert, NID_organizationalUnitName, "0002 000000000",
                       false)
           && name_add(cert, NID_organizationalUnitName, "IGC-SANTE TEST",
                       false)
           && name_add(cert, NID_commonName, cn, false);
}

static bool name_holder(X509 *cert, const struct pki_holder *holder)
{
    return name_add(cert, NID_countryName, "FR", false)
           && name_add(cert, NID_title, holder->title, false)
           && name_add(cert, NID_commonName, holder->idnat, false)
           && name_add(cert, NID_surname, holder->family, true)
           && name_add(cert, NID_givenName, holder->given, true);
}

static bool add_extensions(X509 *cert, X509 *issuer,
                           const struct extension *list)
{
    /* Policies are parsed only with a configuration, be it empty. */
    CONF *conf = NCONF_new(NULL);
    bool ok = conf != NULL;
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509V3_set_nconf(&ctx, conf);
    for (; ok && list->value != NULL; list++) {
        X509_EXTENSION *e =
            X509V3_EXT_nconf_nid(conf, &ctx, list->nid, list->value);

        ok = e != NULL && X509_add_ext(cert, e, -1) == 1;
        X509_EXTENSION_free(e);
    }
    NCONF_free(conf);
    return ok;
}

/* An opaque extension under the test arc, to reach a certificate size. */
static bool add_extra(X509 *cert, size_t len)
{
    static const uint8_t zeroes[EXTRA_MAX];
    ASN1_OBJECT *oid = OBJ_txt2obj("1.2.250.1.71.4.99.2", 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *e = NULL;
    bool ok = false;

    if (len == 0)
        ok = true;
    else if (oid != NULL && value != NULL && len <= EXTRA_MAX
             && ASN1_OCTET_STRING_set(value, zeroes, (int)len)
             && (e = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value)) != NULL)
        ok = X509_add_ext(cert, e, -1) == 1;
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
    return ok;
}

static bool set_serial(X509 *cert)
{
    uint8_t bytes[16];
    BIGNUM *bn = NULL;
    bool ok = false;

    if (RAND_bytes(bytes, sizeof(bytes)) == 1) {
        bytes[0] = (uint8_t)((bytes[0] & 0x3F) | 0x40);
        bn = BN_bin2bn(bytes, sizeof(bytes), NULL);
    }
    if (bn != NULL)
        ok = BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) != NULL;
    BN_free(bn);
    return ok;
}

/* A certificate to be: version, serial, dates, key; no name, no issuer. */
static X509 *cert_new(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    long ten_years = DAYS * 24L * 3600L;

    if (cert == NULL || X509_set_version(cert, X509_VERSION_3) != 1
        || !set_serial(cert) || X509_set_pubkey(cert, key) != 1
        || X509_gmtime_adj(X509_getm_notBefore(cert), -3600) == NULL
        || X509_gmtime_adj(X509_getm_notAfter(cert), ten_years) == NULL) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

struct authority {
    X509 *cert;
    EVP_PKEY *key;
};

static void authority_clear(struct authority *a)
{
    X509_free(a->cert);
    EVP_PKEY_free(a->key);
    a->cert = NULL;
    a->key = NULL;
}

static int authority_load(struct authority *a, const char *dir,
                          const char *name)
{
    a->cert = pki_load_cert(dir, name);
    a->key = a->cert != NULL ? pki_load_key(dir, name) : NULL;
    return a->key != NULL ? 0 : CARD_E_CONFIG;
}

/* Make and save one CA; it signs itself when `by` is NULL. */
static int authority_make(struct authority *a, const char *dir,
                          const char *name, const char *cn,
                          const struct extension *extensions,
                          const struct authority *by)
{
    X509 *issuer;
    int rc;

    if ((a->key = EVP_RSA_gen(4096)) == NULL
        || (a->cert = cert_new(a->key)) == NULL
        || !name_authority(a->cert, cn))
        return fail(cn);
    issuer = by != NULL ? by->cert : a->cert;
    if (X509_set_issuer_name(a->cert, X509_get_subject_name(issuer)) != 1
        || !add_extensions(a->cert, issuer, extensions)
        || !X509_sign(a->cert, by != NULL ? by->key : a->key, EVP_sha256()))
        return fail(cn);
    if ((rc = save_key(dir, name, a->key)) < 0)
        return rc;
    return save_certs(dir, name, a->cert, NULL);
}

/* The two CAs of a C@rteurope token (fact sheet gemsafe-classic, 5). */
static const struct {
    const char *name, *cn;
} others[] = {
    {"ca-rgs",    "TEST CERTEUROPE ADVANCED CA V3"       },
    {"ca-classe3", "TEST Certeurope Classe 3 Plus V2"     },
};

static int make_authorities(const char *dir)
{
    struct authority root = {NULL, NULL};
    struct authority ca = {NULL, NULL};
    struct authority other = {NULL, NULL};
    int rc = 0;

    if (exists(dir, "chain"))
        return 0;
    rc = authority_make(&root, dir, "root", "TEST AC RACINE IGC-SANTE FORT",
                        root_extensions, NULL);
    if (rc == 0)
        rc = authority_make(&ca, dir, "ca",
                            "TEST AC IGC-SANTE FORT PERSONNES", ca_extensions,
                            &root);
    for (size_t i = 0; rc == 0 && i < nitems(others); i++) {
        rc = authority_make(&other, dir, others[i].name, others[i].cn,
                            ca_extensions, &root);
        authority_clear(&other);
    }
    if (rc == 0)
        rc = save_certs(dir, "chain", ca.cert, root.cert);
    authority_clear(&root);
    authority_clear(&ca);
    return rc;
}

struct leaf {
    const char *name;
    const struct pki_holder *holder; /* NULL: the server */
    const struct extension *extensions, *more;
    const char *type;   /* of the key: "RSA" if NULL, "EC", "ED25519", ... */
    size_t bits;        /* RSA: 2048 if 0; EC: the curve's */
    const char *key_of; /* the key of that leaf, not one of its own */
    const char *issuer; /* CA's file; "ca" if NULL */
    long age;           /* years since it was issued, of three */
};

static bool leaf_fill(X509 *cert, const struct leaf *leaf,
                      const struct authority *ca)
{
    if (leaf->holder != NULL) {
        if (!name_holder(cert, leaf->holder)
            || !add_extra(cert, leaf->holder->extra))
            return false;
    } else if (!name_add(cert, NID_organizationName, "TESSERA TEST", false)
               || !name_add(cert, NID_commonName, "localhost", false)) {
        return false;
    }
    return X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)) == 1
           && add_extensions(cert, ca->cert, leaf->extensions)
           && (leaf->more == NULL
               || add_extensions(cert, ca->cert, leaf->more))
           && X509_sign(cert, ca->key, EVP_sha256()) > 0;
}

static EVP_PKEY *leaf_key(const char *dir, const struct leaf *leaf)
{
    size_t bits = leaf->bits != 0 ? leaf->bits : 2048;

    if (leaf->key_of != NULL)
        return pki_load_key(dir, leaf->key_of);
    if (leaf->type == NULL)
        return EVP_RSA_gen((unsigned)bits);
    if (strcmp(leaf->type, "EC") == 0)
        return EVP_EC_gen(bits == 256 ? "P-256" : "P-384");
    return EVP_PKEY_Q_keygen(NULL, NULL, leaf->type);
}

/* Three years, as C@rteurope's; those of age 0 keep their ten. */
static bool leaf_date(X509 *cert, long age)
{
    const long year = 365L * 24L * 3600L;

    return age == 0
           || (X509_gmtime_adj(X509_getm_notBefore(cert), -age * year) != NULL
               && X509_gmtime_adj(X509_getm_notAfter(cert), (3 - age) * year)
                      != NULL);
}

static int leaf_make(const char *dir, const struct leaf *leaf,
                     const struct authority *ca)
{
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    int rc = 0;

    if (exists(dir, leaf->name))
        return 0;
    if ((key = leaf_key(dir, leaf)) == NULL || (cert = cert_new(key)) == NULL
        || !leaf_date(cert, leaf->age) || !leaf_fill(cert, leaf, ca))
        rc = fail(leaf->name);
    if (rc == 0 && (rc = save_key(dir, leaf->name, key)) == 0)
        rc = save_certs(dir, leaf->name, cert, NULL);
    X509_free(cert);
    EVP_PKEY_free(key);
    return rc;
}

/* A card's folder holds its chain too, whoever's CA issued. */
static int copy_chain(const char *dir, const char *ca_dir)
{
    X509 *root = pki_load_cert(ca_dir, "root");
    X509 *ca = root != NULL ? pki_load_cert(ca_dir, "ca") : NULL;
    int rc = ca != NULL ? 0 : CARD_E_CONFIG;

    if (rc == 0)
        rc = save_certs(dir, "root", root, NULL);
    if (rc == 0)
        rc = save_certs(dir, "ca", ca, NULL);
    if (rc == 0)
        rc = save_certs(dir, "chain", ca, root);
    X509_free(ca);
    X509_free(root);
    return rc;
}

static int make_leaf(const char *dir, const char *ca_dir,
                     const struct leaf *leaf)
{
    const char *issuer = leaf->issuer != NULL ? leaf->issuer : "ca";
    struct authority ca = {NULL, NULL};
    int rc = authority_load(&ca, ca_dir == NULL ? dir : ca_dir, issuer);

    if (rc == 0)
        rc = leaf_make(dir, leaf, &ca);
    authority_clear(&ca);
    return rc;
}

int pki_make(const char *dir, const char *ca_dir,
             const struct pki_holder *holder)
{
    const struct extension *const common = holder_extensions;
    const struct leaf leaves[] = {
        {"sign", holder, common, sign_extensions, NULL, 0, NULL, NULL, 0},
        {"auth", holder, common, auth_extensions, NULL, 0, NULL, NULL, 0},
        {"decrypt", holder, common, decrypt_extensions, NULL, 0, NULL, NULL,
         0},
        {"rsa1024", holder, common, auth_extensions, NULL, 1024, NULL, NULL,
         0},
        {"rsa3072", holder, common, auth_extensions, NULL, 3072, NULL, NULL,
         0},
        {"ec-auth", holder, common, auth_extensions, "EC", 256, NULL, NULL, 0},
        {"ec-sign", holder, common, sign_extensions, "EC", 384, NULL, NULL, 0},
        {"ec-decrypt", holder, common, agree_extensions, "EC", 256, NULL, NULL,
         0},
        {"ed-auth", holder, common, auth_extensions, "ED25519", 0, NULL, NULL,
         0},
        {"x-decrypt", holder, common, agree_extensions, "X25519", 0, NULL,
         NULL, 0},
        /* Two certificates and an expired one, of one key. */
        {"rgs", holder, common, auth_extensions, NULL, 0, NULL, "ca-rgs", 1},
        {"classe3", holder, common, auth_extensions, NULL, 0, "rgs",
         "ca-classe3", 2},
        {"expired", holder, common, auth_extensions, NULL, 0, "rgs",
         "ca-classe3", 4},
        {"server", NULL, server_extensions, NULL, NULL, 0, NULL, NULL, 0},
    };
    int rc;

    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return card_fail(CARD_E_CONFIG, "test PKI: %s: %s", dir,
                         strerror(errno));
    rc = ca_dir == NULL ? make_authorities(dir) : copy_chain(dir, ca_dir);
    for (size_t i = 0; rc == 0 && i < nitems(leaves); i++)
        rc = make_leaf(dir, ca_dir, &leaves[i]);
    return rc;
}
