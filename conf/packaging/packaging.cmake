# Debian packages: `cpack -G DEB` in the build folder. One each for provider,
# engine and tool; OpenSSL's configuration is nobody's to change but the
# administrator's, so no package has a script.
file(READ ${CMAKE_CURRENT_LIST_DIR}/changelog changelog LIMIT 100)
if(NOT changelog MATCHES "^tessera \\(${PROJECT_VERSION}\\)")
    message(FATAL_ERROR
        "${CMAKE_CURRENT_LIST_DIR}/changelog: no entry for ${PROJECT_VERSION}")
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "tessera developers <tessera@example.org>")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CRYPTO_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/prepare.cmake)
# Each package has a summary of its own.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)

# What this build installs: engine and tool need not be in it.
get_cmake_property(components COMPONENTS)

# describe COMPONENT PACKAGE SECTION SUMMARY TEXT: what its control file says
# beside its relations to other packages.
macro(describe component package section summary text)
    string(TOUPPER ${component} upper)
    set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package})
    set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
    set(CPACK_DEBIAN_${upper}_DESCRIPTION "${summary}\n${text}")
    # Not what `cmake --install` puts there.
    install(FILES
        ${CMAKE_CURRENT_LIST_DIR}/copyright
        ${CMAKE_CURRENT_LIST_DIR}/changelog
        DESTINATION share/doc/${package}
        COMPONENT ${component} EXCLUDE_FROM_ALL)
    list(APPEND CPACK_COMPONENTS_ALL ${component})
endmacro()

set(about "Programs that use OpenSSL 3 sign, decrypt and log in with keys that
never leave a smart card or token, without a change to the programs.
tessera speaks to CPS, C@rteurope, PIV, OpenPGP, IAS ECC and ISO 7816-15
cards itself, and to others through their PKCS#11 module.
")

describe(provider tessera-provider libs
    "OpenSSL provider for keys on smart cards and tokens"
    "${about}
This package is the provider, with samples of configuration for OpenSSL
and for servers. Nothing uses it until openssl.cnf names it.")
set(CPACK_DEBIAN_PROVIDER_PACKAGE_RECOMMENDS pcscd)

if(engine IN_LIST components)
    describe(engine tessera-engine libs
        "OpenSSL engine for keys on smart cards and tokens"
        "${about}
This package is the engine, for programs that know engines only. It works
without the provider.")
    set(CPACK_DEBIAN_ENGINE_PACKAGE_RECOMMENDS pcscd)
    set(CPACK_DEBIAN_ENGINE_PACKAGE_SUGGESTS tessera-provider)
endif()

if(tool IN_LIST components)
    describe(tool tessera utils
        "see, test and set up smart cards for OpenSSL"
        "${about}
This package is the command: it lists what is on the cards, changes and
unblocks PINs, and makes programs use a card.")
    set(CPACK_DEBIAN_TOOL_PACKAGE_DEPENDS
        "tessera-provider (= ${PROJECT_VERSION})")
    set(CPACK_DEBIAN_TOOL_PACKAGE_RECOMMENDS "pcscd, openssl")
    set(CPACK_DEBIAN_TOOL_PACKAGE_SUGGESTS tessera-engine)
endif()

include(CPack)
