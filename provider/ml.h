/*
 * ML-DSA (FIPS 204) and ML-KEM (FIPS 203), which OpenSSL has since 3.5: rows
 * for the tables of algorithms, and nothing where it is older.
 */
#ifndef PROVIDER_ML_H
#define PROVIDER_ML_H

#include "provider/provider.h"

/* As the default provider names them. */
#define PROV_NAMES_ML_DSA_44                                                   \
    "ML-DSA-44:MLDSA44:2.16.840.1.101.3.4.3.17:id-ml-dsa-44"
#define PROV_NAMES_ML_DSA_65                                                   \
    "ML-DSA-65:MLDSA65:2.16.840.1.101.3.4.3.18:id-ml-dsa-65"
#define PROV_NAMES_ML_DSA_87                                                   \
    "ML-DSA-87:MLDSA87:2.16.840.1.101.3.4.3.19:id-ml-dsa-87"
#define PROV_NAMES_ML_KEM_512                                                  \
    "ML-KEM-512:MLKEM512:id-alg-ml-kem-512:2.16.840.1.101.3.4.4.1"
#define PROV_NAMES_ML_KEM_768                                                  \
    "ML-KEM-768:MLKEM768:id-alg-ml-kem-768:2.16.840.1.101.3.4.4.2"
#define PROV_NAMES_ML_KEM_1024                                                 \
    "ML-KEM-1024:MLKEM1024:id-alg-ml-kem-1024:2.16.840.1.101.3.4.4.3"
/* Our own names, as PROV_SIGN_RSA is one. */
#define PROV_SIGN_ML_DSA_44 "TESSERA-ML-DSA-44"
#define PROV_SIGN_ML_DSA_65 "TESSERA-ML-DSA-65"
#define PROV_SIGN_ML_DSA_87 "TESSERA-ML-DSA-87"

/* ml_keymgmt.c */
extern const OSSL_DISPATCH ml_dsa_44_keymgmt[], ml_dsa_65_keymgmt[],
    ml_dsa_87_keymgmt[], ml_kem_512_keymgmt[], ml_kem_768_keymgmt[],
    ml_kem_1024_keymgmt[];
/* ml_dsa.c, ml_kem.c */
extern const OSSL_DISPATCH ml_dsa_functions[];
extern const struct prov_algorithm prov_kems[];

#if OPENSSL_VERSION_PREREQ(3, 5)
#define ML_KEYMGMTS                                                            \
    {PROV_NAMES_ML_DSA_44, "", ml_dsa_44_keymgmt, "ML-DSA-44 key on a card"},  \
    {PROV_NAMES_ML_DSA_65, "", ml_dsa_65_keymgmt, "ML-DSA-65 key on a card"},  \
    {PROV_NAMES_ML_DSA_87, "", ml_dsa_87_keymgmt, "ML-DSA-87 key on a card"},  \
    {PROV_NAMES_ML_KEM_512, "", ml_kem_512_keymgmt,                            \
     "ML-KEM-512 key on a card"},                                              \
    {PROV_NAMES_ML_KEM_768, "", ml_kem_768_keymgmt,                            \
     "ML-KEM-768 key on a card"},                                              \
    {PROV_NAMES_ML_KEM_1024, "", ml_kem_1024_keymgmt,                          \
     "ML-KEM-1024 key on a card"},
#define ML_SIGNATURES                                                          \
    {PROV_NAMES_ML_DSA_44, "", ml_dsa_functions, "ML-DSA-44 by a card"},       \
    {PROV_NAMES_ML_DSA_65, "", ml_dsa_functions, "ML-DSA-65 by a card"},       \
    {PROV_NAMES_ML_DSA_87, "", ml_dsa_functions, "ML-DSA-87 by a card"},       \
    {PROV_SIGN_ML_DSA_44, "", ml_dsa_functions, "ML-DSA-44 by a card"},        \
    {PROV_SIGN_ML_DSA_65, "", ml_dsa_functions, "ML-DSA-65 by a card"},        \
    {PROV_SIGN_ML_DSA_87, "", ml_dsa_functions, "ML-DSA-87 by a card"},
#define ML_OPERATIONS {OSSL_OP_KEM, prov_kems},
/* The same row for each type, of encoders and decoders. */
#define ML_ROWS(properties, functions, words)                                  \
    {PROV_NAMES_ML_DSA_44, properties, functions, words},                      \
    {PROV_NAMES_ML_DSA_65, properties, functions, words},                      \
    {PROV_NAMES_ML_DSA_87, properties, functions, words},                      \
    {PROV_NAMES_ML_KEM_512, properties, functions, words},                     \
    {PROV_NAMES_ML_KEM_768, properties, functions, words},                     \
    {PROV_NAMES_ML_KEM_1024, properties, functions, words},
#else
#define ML_KEYMGMTS
#define ML_SIGNATURES
#define ML_OPERATIONS
#define ML_ROWS(properties, functions, words)
#endif

#endif
