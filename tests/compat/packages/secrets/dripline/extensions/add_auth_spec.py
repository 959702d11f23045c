from dripline.implementations import BaseAddAuthSpec

__all__ = ['AddAuthSpec']


class AddAuthSpec(BaseAddAuthSpec):
    '''What our services need to log in elsewhere.'''

    def __init__(self, app):
        BaseAddAuthSpec.__init__(self, app)
        spec = {
            'token': {'default': 'no-token', 'env': 'LAB_MESSENGER_TOKEN'},
            'channel': {'default': 'general'},
        }
        app.add_default_auth_spec_group('messenger', spec)
