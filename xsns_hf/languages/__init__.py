"""Who is who: one code per language, its name, script, family and place in typological databases.

In comes what people call a language; out go canonical codes and what is known of them. Imports the ground only.
"""
