"""The private part of the app. A site imports nothing from here: any release may change it."""
