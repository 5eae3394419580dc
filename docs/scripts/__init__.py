"""What makes the documentation: reference pages, result tables, pictures. Not part of the built site."""
