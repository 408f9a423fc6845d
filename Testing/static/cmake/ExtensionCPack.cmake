# Stand-in for the script that sets up packaging: it comes last, after the description.

if(NOT EXISTS "${CMAKE_BINARY_DIR}/extension.txt")
  message(FATAL_ERROR "include(\${Slicer_EXTENSION_GENERATE_CONFIG}) must come before Slicer_EXTENSION_CPACK")
endif()
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};${PROJECT_NAME};RuntimeLibraries;/")
