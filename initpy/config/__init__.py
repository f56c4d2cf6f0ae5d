"""Text that people write (command line, crypttab, job files) turned into typed values."""
