"""What the public modules are built of. Nothing here is for a site: any release may change it."""
