/*
 * Health professionals: names and numbers of the subject, ANS's extensions.
 */
#include "card/tool/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "card/tool/tool.h"

struct code {
    const char *code, *text;
};

/* The digit in front of a national number of a person or a structure. */
static const struct code number_kinds[] = {
    {"0", "ADELI"},
    {"1", "Cabinet ADELI"},
    {"2", "DRASS"},
    {"3", "FINESS"},
    {"4", "SIREN"},
    {"5", "SIRET"},
    {"6", "Cabinet RPPS"},
    {"8", "RPPS"},
    {NULL, NULL},
};

static const struct code card_types[] = { /* G02 */
    {"00", "CPS"}, {"01", "CPF"}, {"02", "CDE/CPE"}, {"03", "CDA/CPA"},
    {NULL, NULL},
};

static const struct code card_categories[] = { /* G01 */
    {"00", "CPx"}, {"02", "module de s\u00e9curit\u00e9"},
    {"03", "certificat logiciel"}, {"80", "CPx de test"},
    {NULL, NULL},
};

static const struct code professions[] = { /* G15 */
    {"10", "M\u00e9decin"},
    {"21", "Pharmacien"},
    {"26", "Audioproth\u00e9siste"},
    {"28", "Opticien-Lunetier"},
    {"31", "Assistant dentaire"},
    {"32", "Physicien m\u00e9dical"},
    {"40", "Chirurgien-Dentiste"},
    {"50", "Sage-Femme"},
    {"60", "Infirmier"},
    {"69", "Infirmier psychiatrique"},
    {"70", "Masseur-Kin\u00e9sith\u00e9rapeute"},
    {"80", "P\u00e9dicure-Podologue"},
    {"86", "Technicien de laboratoire"},
    {"91", "Orthophoniste"},
    {"92", "Orthoptiste"},
    {"93", "Psychologue"},
    {"94", "Ergoth\u00e9rapeute"},
    {"95", "Di\u00e9t\u00e9ticien"},
    {"96", "Psychomotricien"},
    {"98", "Manipulateur ERM"},
    {NULL, NULL},
};

/*
 * Which nomenclature an extension might hold: that its arc is the
 * nomenclature's is inferred, so the code stands beside what it may mean.
 */
static const struct {
    const char *oid;
    const struct code *codes;
} nomenclatures[] = {
    {"1.2.250.1.71.1.2.2", card_types},
    {"1.2.250.1.71.1.2.5", card_categories},
    {"1.2.250.1.71.1.2.7", professions},
};

static const char *find(const struct code *codes, const char *code, size_t len)
{
    for (; codes->code != NULL; codes++)
        if (strlen(codes->code) == len && strncmp(codes->code, code, len) == 0)
            return codes->text;
    return NULL;
}

/* ---- the subject --------------------------------------------------------- */

/* A type digit, and a number in which a letter may stand (0B4005951). */
static bool is_number(const char *text)
{
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t len = strlen(text);

    return len >= 8 && len <= 20 && text[0] >= '0' && text[0] <= '9' &&
           strspn(text, allowed) == len;
}

static void read_names(const X509 *x, struct identity *out)
{
    const X509_NAME *name = X509_get_subject_name(x);
    char issuer[CERT_NAME_MAX];

    cert_name_entry(name, NID_surname, out->family, sizeof(out->family));
    cert_name_entry(name, NID_givenName, out->given, sizeof(out->given));
    cert_name_entry(name, NID_commonName, out->number, sizeof(out->number));
    if (!cert_name_entry(name, NID_title, out->profession,
                         sizeof(out->profession)))
        cert_name_entry(name, NID_organizationalUnitName, out->profession,
                        sizeof(out->profession));
    cert_name_entry(X509_get_issuer_name(x), NID_commonName, issuer,
                    sizeof(issuer));
    out->test = strncmp(issuer, "TEST ", 5) == 0;
}

bool identity_read(struct bytes cert, struct identity *out)
{
    X509 *x = cert_parse(cert);

    memset(out, 0, sizeof(*out));
    if (x != NULL)
        read_names(x, out);
    X509_free(x);
    out->kind = find(number_kinds, out->number, 1);
    return out->family[0] != '\0' && is_number(out->number);
}

/* ---- extensions ---------------------------------------------------------- */

static bool is_text(const unsigned char *data, int len)
{
    for (int i = 0; i < len; i++)
        if (data[i] < 0x20 || data[i] > 0x7E)
            return false;
    return len > 0;
}

/* Strings and numbers of any ASN.1 type, or none at all: digits as they are. */
static void value_text(const ASN1_OCTET_STRING *octets, char *out, size_t cap)
{
    const unsigned char *data = ASN1_STRING_get0_data(octets), *at = data;
    int len = ASN1_STRING_length(octets);
    ASN1_TYPE *type = d2i_ASN1_TYPE(NULL, &at, len);
    const ASN1_STRING *string = NULL;

    if (type != NULL && at == data + len && type->type != V_ASN1_BOOLEAN &&
        type->type != V_ASN1_NULL && type->type != V_ASN1_OBJECT &&
        (type->value.asn1_string->type & V_ASN1_NEG) == 0)
        string = type->value.asn1_string;
    if (string != NULL) {
        data = ASN1_STRING_get0_data(string);
        len = ASN1_STRING_length(string);
    }
    if (is_text(data, len))
        snprintf(out, cap, "%.*s", len, (const char *)data);
    else
        bytes_to_hex(bytes_from(data, (size_t)len), out, cap);
    ASN1_TYPE_free(type);
}

static void interpret(const char *oid, char *value, size_t cap)
{
    for (size_t i = 0; i < nitems(nomenclatures); i++) {
        const char *text = NULL;
        size_t used = strlen(value);

        if (strcmp(nomenclatures[i].oid, oid) == 0)
            text = find(nomenclatures[i].codes, value, used);
        if (text != NULL)
            snprintf(value + used, cap - used, _(" (interpretation: %s)"),
                     text);
    }
}

void identity_extensions(struct bytes cert, identity_extension_fn *put,
                         void *arg)
{
    static const char arc[] = "1.2.250.1.71.";
    X509 *x = cert_parse(cert);

    for (int i = 0; x != NULL && i < X509_get_ext_count(x); i++) {
        X509_EXTENSION *ext = X509_get_ext(x, i);
        char oid[128], value[512];

        OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(ext), 1);
        if (strncmp(oid, arc, sizeof(arc) - 1) != 0)
            continue;
        value_text(X509_EXTENSION_get_data(ext), value, sizeof(value));
        interpret(oid, value, sizeof(value));
        put(arg, oid, value);
    }
    X509_free(x);
    ERR_clear_error();
}
